"""Writing figures to files: PNG, SVG and PDF of each, equal bytes for equal findings."""

from __future__ import annotations

from multiprocessing import parent_process
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from merbench.analysis.findings import Findings
from merbench.report.figures.sheets import (
    Sheet,
    confusion_figure,
    curve_sheets,
    forest_sheet,
    heat_maps,
    overview_sheet,
    rank_sheet,
    reliability_figure,
    robustness_sheets,
    training_figure,
)
from merbench.report.figures.styles import house_style
from merbench.report.figures.svg import svg_text

DOTS_PER_INCH = 200
ALONE = 6  # figures; fewer are drawn sooner than other processes have started


def write_figures(findings: Findings, directory: Path, jobs: int | None = None) -> list[Path]:
    """Write every figure that a run has.

    Args:
        findings: of the run.
        directory: to write to; made where it is not there.
        jobs: processes that draw; None for as many as there are cores, but no more than 4.

    Returns:
        The files, each figure as PNG, SVG and PDF.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sheets = sheets_of(findings)
    if jobs is None:
        # A process of someone's pool does not start a pool of its own.
        jobs = 1 if parent_process() else min(4, cpu_count())
    if jobs == 1 or len(sheets) < ALONE:
        written = [write_sheet(sheet, directory) for sheet in sheets]
    else:
        # A process that was started before may have another working directory.
        there = directory.resolve()
        tasks = (delayed(write_sheet)(sheet, there) for sheet in sheets)
        written = Parallel(n_jobs=jobs)(tasks)
    return [path for paths in written for path in paths]


def sheets_of(findings: Findings) -> list[Sheet]:
    """Return the figures of a run."""
    single = (
        confusion_figure(findings),
        training_figure(findings),
        reliability_figure(findings),
        overview_sheet(findings),
        forest_sheet(findings),
        rank_sheet(findings),
    )
    return [
        *curve_sheets(findings),
        *robustness_sheets(findings),
        *heat_maps(findings),
        *(sheet for sheet in single if sheet is not None),
    ]


def write_sheet(sheet: Sheet, directory: Path) -> list[Path]:
    """Draw one figure and write it in every format."""
    png, svg, pdf = (directory / f"{sheet.stem}.{suffix}" for suffix in ("png", "svg", "pdf"))
    with house_style():
        figure = sheet.draw()
        figure.savefig(png, dpi=DOTS_PER_INCH, metadata={"Software": None})
        svg.write_text(svg_text(figure), encoding="utf-8", newline="\n")
        figure.savefig(pdf, metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
    return [png, svg, pdf]
