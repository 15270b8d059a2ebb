"""The report of one or more runs: one page, and every table as a file of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from merbench.analysis.facts import Fact, headline, provenance, read_record, suite_name, warnings
from merbench.report.figures import Panel, Style, severity_panel, styles
from merbench.results.confusion import Confusion, read_confusion
from merbench.results.metrics import confusion_metric
from merbench.results.render import Shown, shown, to_csv, to_latex, to_markdown
from merbench.results.severity import noise_columns, severity_curves
from merbench.results.summary import Summary, overview, summary_tables
from merbench.results.tables import PREDICTIONS

PAGE = "index.html"
TABLE_METRICS = ("ua", "wa", "f1")
CURVE_METRIC = "ua"


@dataclass(frozen=True)
class PageTable:
    """A summary and what the page shows of it."""

    summary: Summary
    shown: Shown
    file: str


@dataclass(frozen=True)
class Figures:
    """The plots of one noise: the mean over partial patterns first."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Section:
    """Everything a page says about one run."""

    anchor: str
    name: str
    headline: tuple[Fact, ...]
    warnings: tuple[str, ...]
    overviews: tuple[PageTable, ...]
    tables: tuple[PageTable, ...]
    figures: tuple[Figures, ...]
    styles: dict[str, Style]
    provenance: tuple[Fact, ...]


def write_report(run_dir: Path, out: Path | None = None, partial: bool = False) -> Path:
    """Write the report of one run.

    Args:
        run_dir: holds run.json and predictions.parquet.
        out: directory to write to, `run_dir/report` by default.
        partial: leave holes blank instead of refusing a run that has any.

    Returns:
        The page. Tables stand beside it in `tables/`, plots in `figures/`.

    Raises:
        IncompleteError: cells are missing (and `partial` is False), or there are none.
    """
    return write_reports([run_dir], out or run_dir / "report", partial)


def write_reports(run_dirs: Sequence[Path], out: Path, partial: bool = False) -> Path:
    """Write one page on several runs, one section each.

    Raises:
        IncompleteError: as for `write_report`; nothing is written then.
    """
    alone = len(run_dirs) == 1
    sections = [
        _section(directory, "" if alone else f"run{number}-", partial)
        for number, directory in enumerate(run_dirs, 1)
    ]
    for section in sections:
        _write_files(section, out)
    environment = Environment(
        loader=PackageLoader("merbench", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # of our own drawing, its text escaped by matplotlib
    page = out / PAGE
    html = environment.get_template("report.html").render(sections=sections)
    page.write_text(html + "\n", encoding="utf-8")
    return page


def _section(directory: Path, prefix: str, partial: bool) -> Section:
    record = read_record(directory)
    confusion = read_confusion(directory / PREDICTIONS)
    metrics = [confusion_metric(name) for name in TABLE_METRICS]
    overviews = [overview(confusion, metric, partial) for metric in metrics]
    # Metrics of one noise stand together.
    by_metric = [summary_tables(confusion, metric, partial) for metric in metrics]
    tables = [table for group in zip(*by_metric, strict=True) for table in group]
    drawn = styles(confusion.header.methods)
    return Section(
        anchor=prefix,
        name=suite_name(record, directory),
        headline=headline(record, confusion),
        warnings=warnings(record, confusion),
        overviews=_page_tables(overviews, prefix),
        tables=_page_tables(tables, prefix),
        figures=_figures(confusion, drawn, prefix, partial),
        styles=drawn,
        provenance=provenance(record),
    )


def _page_tables(summaries: Sequence[Summary], prefix: str) -> tuple[PageTable, ...]:
    files = _unique([prefix + summary.stem for summary in summaries])
    return tuple(PageTable(s, shown(s), file) for s, file in zip(summaries, files, strict=True))


def _figures(
    confusion: Confusion, drawn: dict[str, Style], prefix: str, partial: bool
) -> tuple[Figures, ...]:
    metric = confusion_metric(CURVE_METRIC)
    columns = noise_columns(confusion)
    curves = [severity_curves(confusion, metric, column, partial) for column in columns]
    highest = max((curve["value"].max() for curve in curves if len(curve)), default=1.0)
    stems = _unique([f"{prefix}{metric.name}-{c.noise}-{c.on}" for c in columns])
    figures = []
    for column, curve, stem in zip(columns, curves, stems, strict=True):
        names = list(dict.fromkeys(curve["column"]))
        identifiers = _unique([f"{stem}-{name}" for name in names])
        panels = tuple(
            severity_panel(
                curve[curve["column"] == name],
                drawn,
                identifier=identifier,
                title=name,
                label=metric.label,
                chance=1 / len(confusion.header.classes),
                ceiling=min(1.0, highest * 1.08),
            )
            for name, identifier in zip(names, identifiers, strict=True)
        )
        figures.append(Figures(f"{metric.label} against severity, {column.title}", panels))
    return tuple(figures)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names that are safe in files and ids, numbered where they would clash."""
    chosen: list[str] = []
    for name in names:
        safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") or "x"
        stem, number = safe, 2
        while safe in chosen:
            safe, number = f"{stem}-{number}", number + 1
        chosen.append(safe)
    return chosen


def _write_files(section: Section, out: Path) -> None:
    tables, figures = out / "tables", out / "figures"
    for directory in (tables, figures):
        directory.mkdir(parents=True, exist_ok=True)
    for table in (*section.overviews, *section.tables):
        for suffix, text in (
            ("csv", to_csv(table.summary)),
            ("md", to_markdown(table.summary)),
            ("tex", to_latex(table.summary)),
        ):
            (tables / f"{table.file}.{suffix}").write_text(text, encoding="utf-8", newline="\n")
    for group in section.figures:
        for panel in group.panels:
            path = figures / f"{panel.identifier}.svg"
            path.write_text(panel.svg, encoding="utf-8", newline="\n")
