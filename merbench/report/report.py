"""The report of one or more runs: one page, and every figure, table and number as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merbench.analysis.build import analyse
from merbench.analysis.facts import SUITE, read_record, resolved_suite
from merbench.analysis.summary_json import to_json
from merbench.errors import ConfigError
from merbench.report.figures import write_figures
from merbench.report.page.page import render_page
from merbench.report.tables import write_tables
from merbench.suite.written import to_yaml

PAGE, NUMBERS = "index.html", "summary.json"
FIGURES, TABLES = "figures", "tables"


def write_report(run_dir: Path, out: Path | None = None, partial: bool = False) -> Path:
    """Write the report of one run.

    Args:
        run_dir: holds run.json and the four tables.
        out: directory to write to, `run_dir/report` by default.
        partial: leave holes blank instead of refusing a run that has any.

    Returns:
        The page. Beside it: `summary.json`, `suite.yaml`, `figures/` and `tables/`.

    Raises:
        ConfigError: `out` is a file.
        IncompleteError: cells are missing (and `partial` is False), or there are none.
    """
    return write_reports([run_dir], out or run_dir / "report", partial)


def write_reports(run_dirs: Sequence[Path], out: Path, partial: bool = False) -> Path:
    """Write one page on several runs; the files of each lie in `run1`, `run2` and so on.

    Raises:
        IncompleteError: as for `write_report`; nothing is written then.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; expected a folder for the report")
    records = [read_record(directory) for directory in run_dirs]
    findings = [analyse(directory, partial) for directory in run_dirs]
    out.mkdir(parents=True, exist_ok=True)
    for number, (record, found) in enumerate(zip(records, findings, strict=True), 1):
        own = out if len(findings) == 1 else out / f"run{number}"
        write_tables(found, own / TABLES)
        write_figures(found, own / FIGURES)
        if suite := resolved_suite(record):
            _write(own / SUITE, to_yaml(suite))
    _write(out / NUMBERS, to_json(findings))
    page = out / PAGE
    _write(page, render_page(findings))
    return page


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
