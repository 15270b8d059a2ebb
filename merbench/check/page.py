"""The gate as a page: changes, curves before and after, and every rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.build import METRICS, in_order
from merbench.analysis.curves import Curve, curves_of
from merbench.analysis.quantities import Matrices
from merbench.check.reference import Reference
from merbench.check.rows import EXPLAINED, HEADINGS, WORDS, row
from merbench.check.stopped import Stopped
from merbench.check.verdicts import Checked
from merbench.report.figures.gate import (
    Bar,
    Course,
    Panel,
    before_and_after,
    legend,
    waterfall,
)
from merbench.report.figures.styles import Roster, house_style, styles
from merbench.report.figures.svg import inline_svg
from merbench.report.page.page import render
from merbench.results.averages import MEAN
from merbench.results.metrics import ConfusionMetric, confusion_metric

METHODS = 8  # in the curves; more cannot be told apart
_TAGS = {"regressed": "open", "suspect": "open", "improved": "yes"}


class _Drawing(NamedTuple):
    title: str
    svg: str


def gate_page(checked: Checked, run: Reference, reference: Reference, strict: bool = False) -> str:
    """Return the outcome of a gate as one self-contained HTML page.

    Args:
        checked: the outcome.
        run: what was checked.
        reference: what it was held against.
        strict: whether suspects fail.
    """
    metrics = in_order(rule.metric for rule in checked.rules)
    main = confusion_metric(metrics[0] if metrics else METRICS[0])
    changed = _changed(checked, main)
    shown = changed[:METHODS]
    with house_style():
        panels, key = _curves(run, reference, main, shown)
        values: dict[str, object] = {
            "waterfalls": list(_waterfalls(checked, metrics)),
            "panels": panels,
            "legend": key,
        }
    return render(
        "check.html",
        checked=checked,
        headline=checked.headline(strict),
        counts=checked.count(),
        tags=_TAGS,
        metric=main.label,
        shown=len(shown),
        left=len(changed) - len(shown),
        explained=EXPLAINED.format(number=len(checked.rules)),
        headings=HEADINGS,
        words=WORDS,
        rows=[row(rule) for rule in checked.rules],
        **values,
    )


def stopped_page(stopped: Stopped) -> str:
    """Return a page that says why there is no verdict."""
    return render("check_stopped.html", stopped=stopped)


def _waterfalls(checked: Checked, metrics: Sequence[str]) -> Iterator[_Drawing]:
    for name in metrics:
        label = confusion_metric(name).label
        bars = [
            Bar(100 * r.delta, 100 * r.low, 100 * r.high, 100 * r.tolerance, r.verdict)
            for r in checked.rules
            if r.metric == name and r.verdict != "not comparable"
        ]
        if bars:
            yield _Drawing(label, inline_svg(waterfall(bars), f"fall-{name}", f"Changes, {label}"))


def _changed(checked: Checked, metric: ConfusionMetric) -> list[str]:
    """Return the methods that both runs have, largest drop first."""
    worst: dict[str, float] = {}
    for rule in checked.rules:
        if rule.metric == metric.name and rule.verdict != "not comparable":
            worst[rule.method] = min(rule.delta, worst.get(rule.method, 1.0))
    return sorted(worst, key=lambda method: worst[method])


def _curves(
    run: Reference, reference: Reference, metric: ConfusionMetric, methods: Sequence[str]
) -> tuple[list[_Drawing], str]:
    """Return a panel for each noise, and the legend."""
    curves = [curve for curve in curves_of(reference.header) if curve.name == MEAN]
    if not curves or not methods:
        return [], ""
    matrices = Matrices(
        len(reference.header.conditions), [a for curve in curves for a in curve.points.values()]
    )
    kept = [method for method in run.header.methods if method in methods]
    roster = Roster(tuple(kept), {m: run.header.shown_as.get(m, m) for m in kept}, styles(kept))
    values = {
        (side, method): _values(source, method, matrices, metric)
        for side, source in (("before", reference), ("after", run))
        for method in kept
    }
    panels = [
        Panel(curve.noise.title, *(
            [_course(curve, matrices, method, values[side, method]) for method in kept]
            for side in ("before", "after")
        ))
        for curve in curves
    ]  # fmt: skip
    every = np.concatenate(
        [course.values for panel in panels for course in (*panel.before, *panel.after)]
    )
    ends = (max(0.0, float(every.min()) - 3), min(102.0, float(every.max()) + 3))
    drawn = [
        _Drawing(
            panel.title,
            inline_svg(before_and_after(panel, roster, ends), f"curve-{number}", panel.title),
        )
        for number, panel in enumerate(panels)
    ]
    return drawn, inline_svg(legend(roster, kept), "curve-key", "Legend")


def _values(
    source: Reference, method: str, matrices: Matrices, metric: ConfusionMetric
) -> NDArray[np.float64]:
    """Return (matrix,) values in %, mean over seeds."""
    counts = matrices.sum_counts(source.by_fold(method)).sum(axis=1)
    values: NDArray[np.float64] = 100 * metric(counts).mean(axis=0)
    return values


def _course(curve: Curve, matrices: Matrices, method: str, values: NDArray[np.float64]) -> Course:
    return Course(method, curve.severities, curve.weights(matrices) @ values)
