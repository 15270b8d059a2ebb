"""Everything the page says about one run, ready to be written out."""

from __future__ import annotations

from dataclasses import dataclass

from merbench.analysis.findings import Findings, Statement
from merbench.report.figures import InlineFigure, InlineFigures, inline_figures
from merbench.report.page import method_facts as facts
from merbench.report.page.audit_rows import AuditView, audit_view
from merbench.report.page.cells import TableView
from merbench.report.page.chart_data import chart_json
from merbench.report.page.contrast_rows import ContrastTable, Explored, contrast_tables, explored
from merbench.report.page.heat import HeatTable, heat_tables
from merbench.report.page.measures import MeasureView, measure_views
from merbench.report.page.numbers import percent, plural
from merbench.report.page.pattern_tables import (
    BestTable,
    best_table,
    noise_key,
    noise_title,
    overview_views,
    table_views,
)
from merbench.report.page.published_rows import PublishedView, published_views
from merbench.results.averages import MEAN
from merbench.results.conditions import CLEAN, columns_of

# Beyond either, the bands of all methods together hide each other.
WIDEST_BAND = 0.15
MOST_BANDS = 8
SCOPES = {
    "population": "They hold for new {unit}s and for new trainings of the same methods.",
    "models": "They hold for these trained models only: model noise is not measured.",
    "none": "",
}


@dataclass(frozen=True)
class Choice:
    """One option of a control."""

    value: str
    label: str


@dataclass(frozen=True)
class RunView:
    """One run on a page.

    Attributes:
        findings: what is shown.
        prefix: of every id, so that several runs can share a page.
        depth: level of the section headings.
        metrics: choices.
        noises: choices, noise-free included.
        curve_noises: choices for the curves.
        curve_columns: choices for the curves: the mean, then patterns.
        others: what each part below shows.
    """

    findings: Findings
    prefix: str
    depth: int
    metrics: tuple[Choice, ...]
    noises: tuple[Choice, ...]
    curve_noises: tuple[Choice, ...]
    curve_columns: tuple[Choice, ...]
    overviews: tuple[TableView, ...]
    tables: tuple[TableView, ...]
    best: BestTable
    heat: tuple[HeatTable, ...]
    contrasts: tuple[ContrastTable, ...]
    explored: tuple[Explored, ...]
    ranks: tuple[facts.Rank, ...]
    measures: tuple[MeasureView, ...]
    matrices: tuple[facts.Matrix, ...]
    matrix_pattern: str
    chosen: tuple[facts.Chosen, ...]
    stages: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    calibration: facts.Table
    costs: facts.Table
    seen: facts.Table
    audit: AuditView | None
    published: tuple[PublishedView, ...]
    figures: InlineFigures
    data: str

    @property
    def main_metric(self) -> str:
        """Label of the first metric."""
        return self.metrics[0].label if self.metrics else ""

    @property
    def intervals(self) -> str:
        """Say what the intervals rest on."""
        told = self.findings.inference
        if told.scope == "none":
            return "There are no intervals: no cluster is known, so nothing says how values vary."
        unit = told.unit or "utterance"
        scope = SCOPES[told.scope].format(unit=unit)
        return (
            f"Values in brackets are {percent(told.confidence, 0)} % intervals over "
            f"{plural(told.clusters, unit)}, {plural(told.folds, 'fold')} and "
            f"{plural(told.seeds, 'seed')}. {scope}"
        ).strip()

    @property
    def bands_shown(self) -> bool:
        """True where the bands of all methods together leave something to be seen."""
        curves = self.findings.curves
        main = curves[curves["metric"] == self.findings.metrics[0]]
        narrow = bool((main["high"] - main["low"]).median() < WIDEST_BAND)
        return narrow and main["method"].nunique() <= MOST_BANDS

    @property
    def curve_figures(self) -> tuple[tuple[str, InlineFigure], ...]:
        """The figure of each noise under a short name."""
        return tuple((noise_title(c), figure) for c, figure in self.figures.curves.items())

    def statements(self, *kinds: str) -> tuple[Statement, ...]:
        """Return the sentences of these kinds, in order."""
        return tuple(s for s in self.findings.verdict if s.kind in kinds)


def run_view(findings: Findings, prefix: str, depth: int) -> RunView:
    """Prepare one run.

    Args:
        findings: of the run.
        prefix: of every id.
        depth: level of its section headings, 2 or 3.
    """
    header = findings.header
    columns = columns_of(header.conditions)
    heat = heat_tables(findings)
    curves = findings.curves
    curve_names = [str(c) for c in dict.fromkeys(curves["column"])]
    curve_names.sort(key=lambda name: name != MEAN)
    labels = {s.metric.name: s.metric.label for s in findings.overviews}
    curve_noises = {f"{n}|{o}" for n, o in zip(curves["noise"], curves["on"], strict=True)}
    return RunView(
        findings=findings,
        prefix=prefix,
        depth=depth,
        metrics=tuple(Choice(m, labels.get(m, m)) for m in findings.metrics),
        noises=tuple(Choice(noise_key(c), noise_title(c)) for c in columns),
        curve_noises=tuple(
            Choice(noise_key(c), noise_title(c))
            for c in columns
            if c.noise != CLEAN and noise_key(c) in curve_noises
        ),
        curve_columns=tuple(
            Choice(c, "mean of the partial patterns" if c == MEAN else c) for c in curve_names
        ),
        overviews=overview_views(findings),
        tables=table_views(findings),
        best=best_table(findings),
        heat=heat,
        contrasts=contrast_tables(findings),
        explored=explored(findings),
        ranks=facts.rank_rows(findings),
        measures=measure_views(findings),
        matrices=facts.matrices(findings),
        matrix_pattern=facts.confusion_start(findings),
        chosen=facts.chosen_epochs(findings),
        stages=tuple(Choice(str(s), str(s)) for s in dict.fromkeys(findings.training["stage"])),
        groups=tuple(
            Choice(str(g), facts.GROUPS.get(str(g), str(g)))
            for g in dict.fromkeys(findings.reliability["group"])
        ),
        calibration=facts.calibration_table(findings),
        costs=facts.cost_table(findings),
        seen=facts.seen_table(findings),
        audit=audit_view(findings),
        published=published_views(findings),
        figures=inline_figures(findings, prefix),
        data=chart_json(findings, heat),
    )
