"""Which figures a run has: each a name, a heading, and how to draw it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from merbench.analysis.findings import Findings
from merbench.report.figures.curves import Scale, curve_sheet, mean_panel, scale_of
from merbench.report.figures.styles import Roster
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of
from merbench.results.metrics import confusion_metric
from merbench.results.summary import MEAN

GUESSED = ("ua", "wa")  # metrics for which a guess among C classes gives 1 / C


class Sheet(NamedTuple):
    """One figure, not drawn yet; `draw` can be sent to another process."""

    stem: str
    title: str
    draw: Callable[[], Figure]


def main_label(findings: Findings) -> str:
    """Return how the main metric is shown."""
    return confusion_metric(findings.metrics[0]).label


def chance_of(findings: Findings) -> float:
    """Return the main metric of a guess, NaN where it has no fixed value."""
    guessed = findings.metrics[0] in GUESSED
    return 1 / len(findings.header.classes) if guessed else float("nan")


def noise_columns(findings: Findings) -> tuple[NoiseColumn, ...]:
    """Return the columns of the grid that have noise."""
    return tuple(c for c in columns_of(findings.header.conditions) if c.noise != CLEAN)


def curves_by_column(findings: Findings) -> dict[NoiseColumn, pd.DataFrame]:
    """Return the curves of the main metric of each noise column that has any."""
    curves = findings.curves[findings.curves["metric"] == findings.metrics[0]]
    found = {
        column: curves[(curves["noise"] == column.noise) & (curves["on"] == column.on)]
        for column in noise_columns(findings)
    }
    return {column: frame for column, frame in found.items() if len(frame)}


def mean_panels(findings: Findings) -> dict[NoiseColumn, Sheet]:
    """Return the small figure of each noise column: the mean over partial patterns alone."""
    means = {c: f[f["column"] == MEAN] for c, f in curves_by_column(findings).items()}
    means = {column: frame for column, frame in means.items() if len(frame)}
    if not means:
        return {}
    scale = scale_of(pd.concat(means.values()), main_label(findings), chance_of(findings))
    roster = Roster.of(findings)
    stems = unique_names([f"curves-{column.noise}-{column.on}" for column in means])
    return {
        column: Sheet(
            stem,
            f"{scale.label} against severity, {column.title}",
            partial(mean_panel, frame, roster, scale),
        )
        for stem, (column, frame) in zip(stems, means.items(), strict=True)
    }


def curve_sheets(findings: Findings) -> list[Sheet]:
    """Return the small multiples of each noise column."""
    found = curves_by_column(findings)
    if not found:
        return []
    scale: Scale = scale_of(pd.concat(found.values()), main_label(findings), chance_of(findings))
    roster, complete, note = Roster.of(findings), findings.header.complete, interval_note(findings)
    stems = unique_names([f"curves-{column.noise}-{column.on}" for column in found])
    sheets = []
    for stem, (column, frame) in zip(stems, found.items(), strict=True):
        title = f"{scale.label} against severity, {column.title}"
        draw = partial(
            curve_sheet, frame, complete, roster, scale, title, f"Bands: {note}" * bool(note)
        )
        sheets.append(Sheet(stem, title, draw))
    return sheets


def interval_note(findings: Findings) -> str:
    """Say what the intervals are, or nothing where there are none."""
    inference = findings.inference
    if inference.scope == "none":
        return ""
    unit = inference.unit or "cluster"
    over = [f"{inference.clusters} {unit}{'s' * (inference.clusters != 1)}"]
    over += [f"{inference.seeds} seeds"] if inference.seeds > 1 else []
    where = ", of these trained models alone" if inference.scope == "models" else ""
    return f"{100 * inference.confidence:g} % intervals over {' and '.join(over)}{where}."


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names that are safe in files and ids, numbered where they would clash."""
    chosen: list[str] = []
    for name in names:
        safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") or "x"
        stem, number = safe, 2
        while safe in chosen:
            safe, number = f"{stem}-{number}", number + 1
        chosen.append(safe)
    return chosen
