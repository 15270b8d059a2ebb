"""Which figures a run has: each a name, a heading, and how to draw it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from merbench.analysis.findings import Findings
from merbench.analysis.robustness import METRIC
from merbench.report.figures.confusions import confusion_sheet, few_patterns
from merbench.report.figures.contrasts import forest
from merbench.report.figures.curves import Scale, curve_sheet, mean_panel, scale_of
from merbench.report.figures.dots import Dots, dot_sheet
from merbench.report.figures.heatmap import bands_of, behind_best, heat_map, heat_note
from merbench.report.figures.ranks import rank_diagram
from merbench.report.figures.reliability import RARE, reliability_sheet
from merbench.report.figures.styles import Roster
from merbench.report.figures.training import training_sheet
from merbench.results.averages import MEAN
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of
from merbench.results.metrics import confusion_metric
from merbench.results.summary import COMPLETE, GRID_MEAN, PARTIAL_MEAN
from merbench.text import file_names

GUESSED = ("ua", "wa")  # metrics for which a guess among C classes gives 1 / C


class Sheet(NamedTuple):
    """One figure, not drawn yet.

    Attributes:
        stem: of its file, and of its identifier in a page.
        title: what it shows.
        note: what its bars, bands and shades are, or empty.
        draw: draws it; can be sent to another process.
    """

    stem: str
    title: str
    note: str
    draw: Callable[[], Figure]


class Measure(NamedTuple):
    """How a measure of `Findings.robustness` is shown: see `Dots`."""

    name: str
    title: str
    unit: float
    label: str
    digits: int
    reference: float = math.nan
    note: str = ""


def main_label(findings: Findings) -> str:
    """Return how the main metric is shown."""
    return confusion_metric(findings.metrics[0]).label


def chance_of(findings: Findings) -> float:
    """Return the main metric of a guess, NaN where it has no fixed value."""
    guessed = findings.metrics[0] in GUESSED
    return 1 / len(findings.header.classes) if guessed else math.nan


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
    """Return the small figure of each noise column: the mean over partial patterns alone.

    What is missing at random has one curve, which is shown.
    """
    means = {
        c: f if c.at_random else f[f["column"] == MEAN]
        for c, f in curves_by_column(findings).items()
    }
    means = {column: frame for column, frame in means.items() if len(frame)}
    if not means:
        return {}
    scale = scale_of(pd.concat(means.values()), main_label(findings), chance_of(findings))
    roster, note = Roster.of(findings), _curve_note(findings)
    stems = file_names([f"curves-{column.noise}-{column.on}" for column in means])
    return {
        column: Sheet(
            stem,
            f"{scale.label} against {column.axis}, {column.title}",
            note,
            partial(mean_panel, frame, roster, scale, column.axis),
        )
        for stem, (column, frame) in zip(stems, means.items(), strict=True)
    }


def _curve_note(findings: Findings) -> str:
    dashed = " Dashed: chance." if math.isfinite(chance_of(findings)) else ""
    return f"{_said('Bands', findings)}{dashed}".strip()


def curve_sheets(findings: Findings) -> list[Sheet]:
    """Return the small multiples of each noise column."""
    found = curves_by_column(findings)
    if not found:
        return []
    scale: Scale = scale_of(pd.concat(found.values()), main_label(findings), chance_of(findings))
    roster, note = Roster.of(findings), _curve_note(findings)
    stems = file_names([f"curves-{column.noise}-{column.on}" for column in found])
    return [
        _sheet(
            stem,
            f"{scale.label} against {column.axis}, {column.title}",
            note,
            partial(curve_sheet, frame, findings.header.complete, roster, scale, axis=column.axis),
        )
        for stem, (column, frame) in zip(stems, found.items(), strict=True)
    ]


def _sheet(
    stem: str, title: str, note: str, draw: Callable[..., Figure], *, small: bool = False
) -> Sheet:
    """Give a figure its title and note, which a page writes itself around a small one."""
    words = {"title": "", "note": ""} if small else {"title": title, "note": note}
    return Sheet(stem, title, note, partial(draw, **words))


def _said(marks: str, findings: Findings) -> str:
    """Say what the bars or bands are, or nothing where there are no intervals."""
    inference = findings.inference
    if inference.scope == "none":
        return ""
    unit = inference.unit or "cluster"
    over = [f"{inference.clusters} {unit}{'s' * (inference.clusters != 1)}"]
    over += [f"{inference.seeds} seeds"] if inference.seeds > 1 else []
    where = ", of these trained models alone" if inference.scope == "models" else ""
    return f"{marks}: {100 * inference.confidence:g} % intervals over {' and '.join(over)}{where}."


def overview_sheet(findings: Findings, *, small: bool = False) -> Sheet | None:
    """Return the dot plot of the complete pattern, the partial mean and the grid mean."""
    summary = findings.overviews[0] if findings.overviews else None
    if summary is None:
        return None
    label, frame = summary.metric.label, summary.frame
    titles = {
        COMPLETE: COMPLETE if small else "complete, no noise",
        PARTIAL_MEAN: PARTIAL_MEAN if small else "mean of partial patterns",
        GRID_MEAN: GRID_MEAN if small else "mean of the noise grid",
    }
    panels = [
        Dots(title, frame[frame["column"] == column], 100, f"{label} (%)")
        for column, title in titles.items()
        if column in summary.columns
    ]
    if not panels or frame["value"].isna().all():
        return None
    draw = partial(dot_sheet, panels, Roster.of(findings), width=0.72 if small else 1.35)
    return _sheet("overview", f"{label}, overview", _said("Bars", findings), draw, small=small)


def forest_sheet(findings: Findings, *, small: bool = False) -> Sheet | None:
    """Return the forest plot of the contrasts of the main metric."""
    rows = findings.contrasts
    rows = rows[rows["metric"] == findings.metrics[0]] if len(rows) else rows
    if rows.empty:
        return None
    rope = findings.inference.rope
    label, roster = main_label(findings), Roster.of(findings)
    points = "1 point" if rope == 0.01 else f"{100 * rope:g} points"
    note = (
        f"{_said('Bars', findings)} Filled: p < .05 after Holm's correction. Shaded: within "
        f"{points} of equal; P(equiv.) is the probability of that."
    ).strip()
    draw = partial(forest, rows, roster, label, rope, small=small)
    return _sheet("contrasts", f"Differences in {label}", note, draw, small=small)


def rank_sheet(findings: Findings, *, small: bool = False) -> Sheet | None:
    """Return the critical-difference diagram."""
    ranks = findings.ranks
    if ranks is None or not ranks.methods:
        return None
    title = f"Average rank over {ranks.conditions} conditions"
    note = (
        "A description, not a test: conditions share their utterances. Bars join methods whose "
        "ranks differ by less than Nemenyi's critical difference at .05."
    )
    draw = partial(rank_diagram, ranks, Roster.of(findings), width=1.8 if small else 2.6)
    return _sheet("ranks", title, note, draw, small=small)


def training_figure(findings: Findings, *, small: bool = False) -> Sheet | None:
    """Return the training curves."""
    if findings.training.empty:
        return None
    draw = partial(
        training_sheet,
        findings.training,
        findings.chosen,
        Roster.of(findings),
        columns=3 if small else 4,
        width=1.25 if small else 1.5,
    )
    note = (
        "Line: mean over folds and seeds, pale where some have stopped; band: their range; bars "
        "at the foot: how often an epoch was picked."
    )
    return _sheet("training", "Validation score by epoch", note, draw, small=small)


def reliability_figure(findings: Findings, *, small: bool = False) -> Sheet | None:
    """Return the reliability diagrams."""
    if findings.reliability.empty:
        return None
    draw = partial(
        reliability_sheet,
        findings.reliability,
        Roster.of(findings),
        side=1.25 if small else 1.75,
        legend=not small,
    )
    note = (
        "Below the diagonal: too sure. Bins with under "
        f"{100 * RARE:g} % of a method's predictions are left out."
    )
    return _sheet("reliability", "Accuracy by confidence", note, draw, small=small)


def confusion_figure(findings: Findings) -> Sheet | None:
    """Return the confusion matrices of a few patterns."""
    if not findings.confusions.size:
        return None
    chosen = few_patterns(findings.patterns, findings.header.complete)
    draw = partial(
        confusion_sheet,
        findings.confusions[:, chosen],
        tuple(findings.patterns[i] for i in chosen),
        findings.header.complete,
        findings.header.classes,
        Roster.of(findings),
    )
    note = (
        "Rows: true class; columns: predicted class; share of the true class in %, mean over seeds."
    )
    return _sheet("confusion", "Confusion matrices without noise", note, draw)


def heat_maps(findings: Findings) -> list[Sheet]:
    """Return methods against conditions: the mean over patterns, and every pattern."""
    grid, header = findings.grid, findings.header
    grid = grid[grid["metric"] == findings.metrics[0]] if len(grid) else grid
    if grid.empty or grid["value"].isna().all():
        return []
    bands = bands_of(grid, header.conditions, header.complete, header.methods)
    label, roster = main_label(findings), Roster.of(findings)
    ends = 100 * grid["value"].min(), 100 * grid["value"].max()
    scale = Scale(f"{label} (%)", ends[0], max(ends[1], ends[0] + 1), math.nan)
    draw = partial(heat_map, complete=header.complete, roster=roster)
    sheets = []
    if bands[0].name == MEAN:
        means = bands[:1]
        title = f"{label} by noise and severity, mean of partial patterns"
        paint = partial(draw, means, scale=scale)
        sheets.append(_sheet("heatmap", title, heat_note(means), paint))
        if len(header.methods) > 1:
            behind = behind_best(means)
            most = max(float(np.nanmax(block.values, initial=1)) for block in behind[0].blocks)
            points = Scale("points behind", 0.0, most, math.nan)
            title = f"{label} behind the best method, mean of partial patterns"
            paint = partial(draw, behind, scale=points, reverse=True)
            sheets.append(_sheet("heatmap-behind", title, heat_note(means), paint))
    paint = partial(draw, bands, scale=scale)
    title = f"{label} in every condition"
    return [*sheets, _sheet("heatmap-conditions", title, heat_note(bands), paint)]


def robustness_sheets(findings: Findings) -> list[Sheet]:
    """Return area and breakdown severity by noise, and the measures of the whole grid."""
    frame = findings.robustness
    if frame.empty:
        return []
    label, roster = confusion_metric(METRIC).label, Roster.of(findings)
    said, sheets = _said("Bars", findings), []
    for measure in (
        Measure("area", f"Area under {label} against severity", 100, f"area (% {label})", 1),
        Measure(
            "breakdown", "Breakdown severity", 1, "severity", 2, math.nan,
            f"Where {label} is half-way from clean to chance; > and arrows: beyond the grid.",
        ),
    ):  # fmt: skip
        mine = frame[frame["measure"] == measure.name]
        panels = [
            Dots(c.short, rows, measure.unit, measure.label, measure.digits)
            for c in noise_columns(findings)
            if len(rows := mine[(mine["noise"] == c.noise) & (mine["on"] == c.on)])
        ]
        if panels:
            draw = partial(dot_sheet, panels, roster, columns=4, width=1.15)
            note = f"{measure.note} {said}".strip()
            sheets.append(_sheet(f"robustness-{measure.name}", measure.title, note, draw))
    whole = frame[frame["noise"] == ""]
    panels = [
        Dots(m.title, rows, m.unit, m.label, m.digits, m.reference)
        for m in (
            Measure("mean_drop", "mean drop from clean", 100, "points", 1, 0.0),
            Measure("worst_drop", "drop in the worst condition", 100, "points", 1, 0.0),
            Measure("always_right", "right in every condition", 100, "utterances (%)", 1),
            Measure("relative_error", "error relative to zero_fill", 1, "ratio", 2, 1.0),
        )
        if len(rows := whole[whole["measure"] == m.name])
    ]
    if panels:
        draw = partial(dot_sheet, panels, roster, columns=4, width=1.15, shared=False)
        sheets.append(_sheet("robustness-grid", "Robustness over the whole grid", said, draw))
    return sheets
