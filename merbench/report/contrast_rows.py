"""Differences between two methods, in numbers and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from merbench.analysis.findings import Findings
from merbench.report.numbers import bracket, p_value, percent, points
from merbench.report.pattern_tables import ALPHA, noise_title

SURE = 0.95
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
        note: what else a reader must know.
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
    note: str


@dataclass(frozen=True)
class ContrastTable:
    """The contrasts by one metric; `reach` is the half-width of the axis, in points."""

    metric: str
    label: str
    rows: tuple[ContrastRow, ...]
    reach: str


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
    labels = {s.metric.name: s.metric.label for s in findings.overviews}
    tables = []
    for metric in findings.metrics:
        frame = findings.contrasts[findings.contrasts["metric"] == metric]
        if frame.empty:
            continue
        ends = frame[["difference", "low", "high"]].abs().max(axis=None)
        reach = max(math.ceil(100 * (ends if ends == ends else 0)), 1) / 100
        rows = tuple(_row(findings, row, reach) for _, row in frame.iterrows())
        tables.append(ContrastTable(metric, labels.get(metric, metric), rows, f"{100 * reach:.0f}"))
    return tuple(tables)


def explored(findings: Findings) -> tuple[Explored, ...]:
    """Count, for each pair, the conditions in which it differs after Benjamini-Hochberg."""
    rows = []
    for (method, against), frame in findings.exploratory.groupby(["method", "against"], sort=False):
        found = frame[frame["q"] <= ALPHA]
        largest = ""
        if len(found):
            top = found.loc[found["difference"].abs().idxmax()]
            condition = findings.header.conditions[int(top["condition"])]
            noise = noise_title(condition.column)
            at = "" if condition.is_clean else f" at severity {condition.severity:.2f}"
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


def _row(findings: Findings, row: pd.Series, reach: float) -> ContrastRow:
    names = findings.names
    method, against = (names.get(row[key], row[key]) for key in ("method", "against"))
    shares = _shares(row)
    verdict, kind = _verdict(method, row)
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
        detectable=percent(row["detectable"]),
        sources=(percent(row["sample_se"], 2), percent(row["seed_se"], 2)),
        note=row["note"] if isinstance(row["note"], str) else "",
    )


def _verdict(method: str, row: pd.Series) -> tuple[str, str]:
    """Say what the contrast shows: significance first, then practical size."""
    same = row["equivalent"] >= SURE
    if row["p_holm"] <= ALPHA:
        word = "better" if row["difference"] > 0 else "worse"
        return (f"{method} is {word}" + (", though by less than matters" if same else ""), "yes")
    if same:
        return "the same for practical purposes", "same"
    if not row["p_holm"] == row["p_holm"]:
        return "no claim: there is no test", "open"
    if row["detectable"] == row["detectable"]:
        return f"not decided: only {percent(row['detectable'])} points or more would show", "open"
    return "not decided", "open"


def _attainable(p: float, smallest: float) -> str:
    if not p == p:
        return ""
    text = p_value(p)
    if smallest > ALPHA:
        return f"{text}; {IMPOSSIBLE} (at least {p_value(smallest)})"
    return text


def _shares(row: pd.Series) -> tuple[Share, ...]:
    found = [(name, float(row[name])) for name in ("better", "equivalent", "worse")]
    if any(math.isnan(value) for _, value in found):
        return ()
    return tuple(Share(name, percent(value, 0), round(100 * value, 1)) for name, value in found)


def _span(row: pd.Series, reach: float, rope: float) -> Span | None:
    if not (row["low"] == row["low"] and row["high"] == row["high"]):
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
