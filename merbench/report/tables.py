"""Writing tables to files: CSV, Markdown and LaTeX of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from merbench.analysis.findings import Findings
from merbench.report.listings import contrasts_listing, robustness_listings
from merbench.results.listing import Listing, listing_latex, listing_markdown
from merbench.results.metrics import confusion_metric
from merbench.results.render import listing_of, to_csv
from merbench.text import file_names


def write_tables(findings: Findings, directory: Path) -> list[Path]:
    """Write every table of a run.

    Summaries, robustness and contrasts are written as CSV (long form, full precision), Markdown and
    LaTeX; curves, the grid, the exploratory comparisons, calibration and costs as CSV alone.

    Args:
        findings: of the run.
        directory: to write to; made where it is not there.

    Returns:
        The files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    summaries = (*findings.overviews, *findings.tables)
    # They are called after noises, which a suite may call what it likes.
    for stem, summary in zip(file_names(s.stem for s in summaries), summaries, strict=True):
        written.append(_write(directory / f"{stem}.csv", to_csv(summary)))
        written += _write_listing(replace(listing_of(summary), stem=stem), directory)
    written += [
        _write(directory / f"{stem}.csv", _csv(frame))
        for stem, frame in (
            ("robustness", findings.robustness),
            ("contrasts", findings.contrasts),
            ("curves", findings.curves),
            ("grid", findings.grid),
            ("exploratory", findings.exploratory),
            ("calibration", findings.calibration),
            ("costs", findings.costs),
        )
        if not frame.empty
    ]
    names, methods = findings.names, findings.header.methods
    listings = list(robustness_listings(findings.robustness, methods, names))
    if not findings.contrasts.empty:
        labels = {metric: confusion_metric(metric).label for metric in findings.metrics}
        rope = findings.inference.rope
        listings.append(contrasts_listing(findings.contrasts, labels, names, rope))
    for listing in listings:
        written += _write_listing(listing, directory)
    return written


def _write_listing(listing: Listing, directory: Path) -> list[Path]:
    return [
        _write(directory / f"{listing.stem}.md", listing_markdown(listing)),
        _write(directory / f"{listing.stem}.tex", listing_latex(listing)),
    ]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _csv(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(index=False, lineterminator="\n"))
