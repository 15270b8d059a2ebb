"""The figures that stand in a page: small, in the page's own ink, without a legend each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from merbench.analysis.findings import Findings
from merbench.report.figures.paper import Paper
from merbench.report.figures.sheets import (
    Sheet,
    forest_sheet,
    mean_panels,
    overview_sheet,
    rank_sheet,
    reliability_figure,
    training_figure,
)
from merbench.report.figures.styles import Roster, Style, house_style
from merbench.report.figures.svg import inline_svg
from merbench.results.conditions import NoiseColumn


class InlineFigure(NamedTuple):
    """One figure of a page.

    Attributes:
        identifier: unique on the page, and before every id in the figure.
        title: what it shows.
        note: what its bars, bands and shades are, or empty.
        svg: the element.
    """

    identifier: str
    title: str
    note: str
    svg: str


class LegendKey(NamedTuple):
    """One method of the page's legend.

    Attributes:
        method: its label.
        name: how it is shown.
        part: class of every part of an inline figure that shows it, such as `m0`.
        svg: its line and marker.
    """

    method: str
    name: str
    part: str
    svg: str


@dataclass(frozen=True)
class InlineFigures:
    """The figures of one run; None where the run has nothing to show in one.

    Attributes:
        legend: line and marker of each method, which curves, training and reliability lack.
        curves: main metric against severity, the mean over partial patterns, for each noise.
        overview: complete pattern, partial mean and grid mean.
        contrasts: forest plot of the differences.
        ranks: critical-difference diagram.
        reliability: accuracy against confidence.
        training: validation score against epoch.
    """

    legend: tuple[LegendKey, ...]
    curves: Mapping[NoiseColumn, InlineFigure]
    overview: InlineFigure | None = None
    contrasts: InlineFigure | None = None
    ranks: InlineFigure | None = None
    reliability: InlineFigure | None = None
    training: InlineFigure | None = None

    @property
    def figures(self) -> tuple[InlineFigure, ...]:
        """All there are."""
        single = (self.overview, self.contrasts, self.ranks, self.reliability, self.training)
        return (*self.curves.values(), *(figure for figure in single if figure is not None))


def inline_figures(findings: Findings, prefix: str = "") -> InlineFigures:
    """Draw the figures of a run for a page.

    Args:
        findings: of the run.
        prefix: before every identifier, so that several runs can share a page.
    """
    with house_style():
        return InlineFigures(
            legend=_legend(Roster.of(findings), prefix),
            curves={c: _inline(sheet, prefix) for c, sheet in mean_panels(findings).items()},
            overview=_maybe(overview_sheet(findings, small=True), prefix),
            contrasts=_maybe(forest_sheet(findings, small=True), prefix),
            ranks=_maybe(rank_sheet(findings, small=True), prefix),
            reliability=_maybe(reliability_figure(findings, small=True), prefix),
            training=_maybe(training_figure(findings, small=True), prefix),
        )


def _inline(sheet: Sheet, prefix: str) -> InlineFigure:
    identifier = f"{prefix}{sheet.stem}"
    svg = inline_svg(sheet.draw(), identifier, sheet.title)
    return InlineFigure(identifier, sheet.title, sheet.note, svg)


def _maybe(sheet: Sheet | None, prefix: str) -> InlineFigure | None:
    return None if sheet is None else _inline(sheet, prefix)


def _legend(roster: Roster, prefix: str) -> tuple[LegendKey, ...]:
    return tuple(
        LegendKey(
            method,
            roster.names[method],
            roster.tag(method),
            _key(roster.styles[method], f"{prefix}key-{roster.tag(method)}"),
        )
        for method in roster.methods
    )


def _key(style: Style, identifier: str) -> str:
    paper = Paper(0.4, 0.16)
    paper.line([0.03, 0.2, 0.37], [0.08] * 3, markevery=[1], **style.line)
    size = "width:2.6em;height:auto;vertical-align:middle"
    return inline_svg(paper.figure, identifier, "", size)
