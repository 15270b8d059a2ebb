"""`merbench report`: the page, plots and tables of a run."""

from __future__ import annotations

from pathlib import Path

import click

from merbench.cli import completing
from merbench.errors import ConfigError


@click.command()
@click.argument(
    "runs",
    nargs=-1,
    metavar="[RUN ...]",
    type=click.Path(path_type=Path),
    shell_complete=completing.runs,
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: RUN/report.")
@click.option("--partial", is_flag=True, help="Report a run with holes; they are left blank.")
def report(runs: tuple[Path, ...], out: Path | None, partial: bool) -> None:
    """Write an HTML report, plots and tables of a run (default: the latest under runs/).

    Several runs come side by side on one page, then each in full; that needs --out.

    \b
    merbench report                           the latest run
    merbench report runs/quick --out page
    merbench report runs/mine runs/theirs --out both
    """  # noqa: D301  # click looks for the character, not for two
    from merbench.api.run import Run  # noqa: PLC0415 - slow, and completion does without
    from merbench.report.report import write_reports  # noqa: PLC0415

    chosen = [Run(path) for path in runs] or [Run.latest()]
    if len(chosen) == 1:
        page = chosen[0].report(out, partial=partial)
    elif out is None:
        raise ConfigError("a report of several runs belongs to none of them: say where with --out")
    else:
        page = write_reports(runs, out, partial)
    click.echo(page)
