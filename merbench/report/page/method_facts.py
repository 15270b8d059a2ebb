"""Small tables about methods: confusions, epochs, calibration, cost, ranks, noise seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merbench.analysis.findings import Findings
from merbench.report.page.heat import STEPS
from merbench.report.page.numbers import count, decimal, duration, mebibytes, percent

GROUPS = {
    "complete": "complete data",
    "missing": "modalities missing",
    "noised": "modalities noised",
}


@dataclass(frozen=True)
class Matrix:
    """Row shares of one method as (text, step of the ramp)."""

    method: str
    rows: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


@dataclass(frozen=True)
class Chosen:
    """Epochs chosen by one method in one stage."""

    method: str
    stage: str
    median: str
    range: str
    trainings: int


@dataclass(frozen=True)
class Rank:
    """One place of the ranking; `level` are the methods closer than the critical difference."""

    method: str
    rank: str
    level: str


@dataclass(frozen=True)
class Table:
    """Plain cells under plain headings, the first of each row being its heading."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def confusion_start(findings: Findings) -> str:
    """Return the pattern that is shown before any is chosen: the complete one where it is there."""
    complete = findings.header.complete
    return complete if complete in findings.patterns else (findings.patterns or ("",))[-1]


def matrices(findings: Findings) -> tuple[Matrix, ...]:
    """Return every method's confusions of the first pattern shown."""
    if not findings.patterns:
        return ()
    position = findings.patterns.index(confusion_start(findings))
    classes = findings.header.classes
    return tuple(
        Matrix(
            findings.names.get(method, method),
            tuple(
                (classes[i], tuple(share_cell(v) for v in row))
                for i, row in enumerate(findings.confusions[m, position])
            ),
        )
        for m, method in enumerate(findings.header.methods)
    )


def share_cell(value: float) -> tuple[str, int]:
    """Return a share in % and its step of the ramp."""
    if np.isnan(value):
        return ("", 0)
    return (percent(value, 0), min(STEPS - 1, int(value * STEPS)))


def chosen_epochs(findings: Findings) -> tuple[Chosen, ...]:
    """Return the median and the range of the epochs chosen."""
    if findings.chosen.empty:
        return ()
    rows = []
    for (method, stage), frame in findings.chosen.groupby(["method", "stage"], sort=False):
        epochs = frame["epoch"].dropna()
        if epochs.empty:
            continue
        low, high = int(epochs.min()), int(epochs.max())
        rows.append(
            Chosen(
                findings.names.get(str(method), str(method)),
                str(stage),
                f"{epochs.median():g}",
                str(low) if low == high else f"{low} to {high}",
                len(epochs),
            )
        )
    return tuple(rows)


def calibration_table(findings: Findings) -> Table:
    """Return the calibration error of each method in each group, in points."""
    frame = findings.calibration
    if frame.empty:
        return Table(("method",), ())
    groups = list(dict.fromkeys(frame["group"]))
    wide = frame.pivot_table(index="method", columns="group", values="ece", dropna=False)
    methods = [m for m in findings.header.methods if m in wide.index]
    rows = [
        (findings.names.get(m, m), *(percent(float(wide.loc[m, g])) for g in groups))
        for m in methods
    ]
    return Table(("method", *(GROUPS.get(g, g) for g in groups)), tuple(rows))


def cost_table(findings: Findings) -> Table:
    """Return parameters, seconds and memory of each method."""
    headings = (
        "method",
        "parameters",
        "training, s",
        "shared training, s",
        "prediction, ms",
        "peak memory, MiB",
    )
    rows = [
        (
            findings.names.get(row["method"], row["method"]),
            count(row["parameters"]),
            duration(row["train_seconds"]),
            duration(row["shared_seconds"]),
            decimal(row["ms_per_prediction"], 3),
            mebibytes(row["peak_memory"]),
        )
        for _, row in findings.costs.iterrows()
    ]
    return Table(headings, tuple(rows))


def rank_rows(findings: Findings) -> tuple[Rank, ...]:
    """Return the average ranks with what is too close to call."""
    ranks = findings.ranks
    if ranks is None:
        return ()
    rows = []
    for position, (method, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        level = {
            other
            for first, last in ranks.cliques
            if first <= position <= last
            for other in range(first, last + 1)
        } - {position}
        names = ", ".join(_name(findings.names, ranks.methods[other]) for other in sorted(level))
        rows.append(Rank(_name(findings.names, method), f"{rank:.2f}", names or "none"))
    return tuple(rows)


def seen_table(findings: Findings) -> Table:
    """Say which method met which noise in training."""
    header = findings.header
    rows = [
        (
            findings.names.get(method, method),
            *(
                "unknown"
                if method in header.imported
                else "seen"
                if method in methods
                else "not seen"
                for methods in findings.seen.values()
            ),
            *(("absent" if method in header.noised_as_absent else "present"),),
        )
        for method in header.methods
    ]
    return Table(("method", *findings.seen, "takes noised for"), tuple(rows))


def _name(names: Mapping[str, str], method: str) -> str:
    return names.get(method, method)
