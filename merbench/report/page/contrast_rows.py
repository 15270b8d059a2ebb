"""Differences between two methods, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merbench.analysis.findings import Findings
from merbench.report.page.numbers import bracket, p_value, percent, points
from merbench.report.page.pattern_tables import noise_title
from merbench.statistics.outcome import ALPHA

Record = Mapping[Any, Any]
IMPOSSIBLE = "cannot be significant at this size"


@dataclass(frozen=True)
class Share:
    """One of P(better), P(equivalent), P(worse)."""

    name: str
    text: str
    percent: float


@dataclass(frozen=True)
class Span:
    """Where an interval lies on its axis, in % of the axis' width."""

    low: float
    high: float
    value: float
    zero: float
    rope_low: float
    rope_high: float


@dataclass(frozen=True)
class ContrastRow:
    """One pair.

    Attributes:
        method: the first, as shown.
        against: the second, as shown.
        difference: in points.
        interval: its interval.
        span: the interval as a drawing, None where there is none.
        p: Holm-corrected, or why there is none.
        shares: P(better), P(equivalent), P(worse); empty where there are too few folds.
        verdict: in words.
        kind: `yes`, `same` or `open`, for its colour.
        tests: other tests by name, each as shown.
        detectable: the smallest difference that this run could show, in points.
        sources: standard errors of sample and seed, in points.
    """

    method: str
    against: str
    difference: str
    interval: str
    span: Span | None
    p: str
    shares: tuple[Share, ...]
    verdict: str
    kind: str
    tests: tuple[str, ...]
    detectable: str
    sources: tuple[str, str]


@dataclass(frozen=True)
class ContrastTable:
    """The contrasts by one metric.

    Attributes:
        metric: its name.
        label: how it is shown.
        rows: one for each pair.
        reach: half-width of the drawings' axis, in points.
        notes: what else a reader must know of all or some of them.
    """

    metric: str
    label: str
    rows: tuple[ContrastRow, ...]
    reach: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Explored:
    """One pair over every condition of the grid.

    Attributes:
        method: the first, as shown.
        against: the second, as shown.
        conditions: how many were compared.
        better: in how many the first is better at q <= .05.
        worse: likewise worse.
        largest: the largest of those differences, in words.
    """

    method: str
    against: str
    conditions: int
    better: int
    worse: int
    largest: str


def contrast_tables(findings: Findings) -> tuple[ContrastTable, ...]:
    """Return the contrasts, one table for each metric that has any."""
    if findings.contrasts.empty:  # then it may have no columns either
        return ()
    labels = {s.metric.name: s.metric.label for s in findings.overviews}
    tables = []
    for metric in findings.metrics:
        frame = findings.contrasts[findings.contrasts["metric"] == metric]
        if frame.empty:
            continue
        ends = frame[["difference", "low", "high"]].abs().to_numpy(dtype=float).ravel()
        reach = max([1, *(math.ceil(100 * end) for end in ends if math.isfinite(end))]) / 100
        rows = tuple(_row(findings, row, reach) for row in frame.to_dict("records"))
        notes = tuple(dict.fromkeys(n for n in frame["note"] if isinstance(n, str) and n))
        tables.append(
            ContrastTable(metric, labels.get(metric, metric), rows, f"{100 * reach:.0f}", notes)
        )
    return tuple(tables)


def explored(findings: Findings) -> tuple[Explored, ...]:
    """Count, for each pair, the conditions in which it differs after Benjamini-Hochberg."""
    if findings.exploratory.empty:
        return ()
    rows = []
    for (method, against), frame in findings.exploratory.groupby(["method", "against"], sort=False):
        found = frame[frame["q"] <= ALPHA]
        largest = ""
        if len(found):
            top = max(found.to_dict("records"), key=lambda record: abs(record["difference"]))
            condition = findings.header.conditions[int(top["condition"])]
            noise = noise_title(condition.column)
            axis = condition.column.axis
            at = "" if condition.is_clean else f" at {axis} {condition.severity:.2f}"
            largest = f"{points(top['difference'])} on {condition.pattern}, {noise}{at}"
        rows.append(
            Explored(
                findings.names.get(str(method), str(method)),
                findings.names.get(str(against), str(against)),
                len(frame),
                int((found["difference"] > 0).sum()),
                int((found["difference"] < 0).sum()),
                largest,
            )
        )
    return tuple(rows)


def _row(findings: Findings, row: Record, reach: float) -> ContrastRow:
    names = findings.names
    method, against = (names.get(row[key], row[key]) for key in ("method", "against"))
    shares = _shares(row)
    verdict, kind = _verdict(method, row, findings.inference.rope)
    return ContrastRow(
        method=method,
        against=against,
        difference=points(row["difference"]),
        interval=bracket(points(row["low"]), points(row["high"])),
        span=_span(row, reach, findings.inference.rope),
        p=p_value(row["p_holm"]),
        shares=shares,
        verdict=verdict,
        kind=kind,
        tests=(
            p_value(row["p"]),
            p_value(row["corrected_t_p"]),
            _attainable(row["sign_flip_p"], row["sign_flip_smallest"]),
            _attainable(row["wilcoxon_p"], row["wilcoxon_smallest"]),
        ),
        detectable="beyond 100" if row["detectable"] >= 1 else percent(row["detectable"]),
        sources=(percent(row["sample_se"], 2), percent(row["seed_se"], 2)),
    )


def _verdict(method: str, row: Record, rope: float) -> tuple[str, str]:
    """Say what the contrast shows: a difference, equivalence, or neither."""
    if math.isnan(row["p_holm"]):
        return "no claim: there is no test", "open"
    if row["p_holm"] < ALPHA:
        return f"{method} is {'better' if row['difference'] > 0 else 'worse'}", "yes"
    if row["low"] > -rope and row["high"] < rope:
        return "equivalent", "same"
    return "not decided: neither a difference nor equivalence is shown", "open"


def _attainable(p: float, smallest: float) -> str:
    if math.isnan(p):
        return ""
    if smallest > ALPHA:
        return f"{p_value(p)}; {IMPOSSIBLE} (at least {p_value(smallest)})"
    return p_value(p)


def _shares(row: Record) -> tuple[Share, ...]:
    found = [(name, float(row[name])) for name in ("better", "equivalent", "worse")]
    if any(math.isnan(value) for _, value in found):
        return ()
    return tuple(Share(name, percent(value, 0), round(100 * value, 1)) for name, value in found)


def _span(row: Record, reach: float, rope: float) -> Span | None:
    if math.isnan(row["low"]) or math.isnan(row["high"]):
        return None

    def place(value: float) -> float:
        return round(min(100.0, max(0.0, 50 + 50 * value / reach)), 1)

    return Span(
        place(row["low"]),
        place(row["high"]),
        place(row["difference"]),
        place(0.0),
        place(-rope),
        place(rope),
    )
