"""`merbench report`: the page, plots and tables of a run."""

from __future__ import annotations

from pathlib import Path

import click

from merbench.analysis.facts import RUN
from merbench.errors import ConfigError, IncompleteError
from merbench.report.report import write_reports

RUNS = Path("runs")


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN ...]", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: RUN/report.")
@click.option("--partial", is_flag=True, help="Report a run with holes; they are left blank.")
def report(runs: tuple[Path, ...], out: Path | None, partial: bool) -> None:
    """Write an HTML report, plots and tables of a run (default: the latest under runs/).

    Several runs come side by side on one page, then each in full; that needs --out.
    """
    chosen = runs or (latest_run(RUNS),)
    if len(chosen) > 1 and out is None:
        raise ConfigError("a report of several runs belongs to none of them: say where with --out")
    page = write_reports(chosen, out or chosen[0] / "report", partial)
    click.echo(page)


def latest_run(directory: Path) -> Path:
    """Return the run whose run.json changed last.

    Raises:
        IncompleteError: there is no run.
    """
    records = sorted(directory.glob(f"*/{RUN}"), key=lambda path: path.stat().st_mtime_ns)
    if not records:
        raise IncompleteError(f"no run under {directory}/: name one, or start with merbench run")
    return records[-1].parent
