"""`merbench run`: the main job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from merbench.api.backends import BACKENDS, Backend
from merbench.cli.options import SuiteChoice, confirm_discard, option, suite_options
from merbench.errors import IncompleteError

if TYPE_CHECKING:
    from merbench.api.run import Run
    from merbench.execution.run import RunOutcome


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from merbench.suite.load import json_schema  # noqa: PLC0415

        click.echo(json.dumps(json_schema(), indent=1))
        context.exit()


@click.command()
@suite_options
@option("--backend", type=click.Choice(BACKENDS), default="local", show_default=True)
@option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster [one of the run's own].")
@option(
    "--max-hours",
    type=click.FloatRange(0, min_open=True),
    metavar="HOURS",
    help="Begin no cell after so long; finish those under way.",
)
@option("--fresh", is_flag=True, help="Discard what is in the run directory first.")
@option("--yes", is_flag=True, help="Do not ask before discarding.")
@option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@option("--quiet", is_flag=True, help="Print nothing but the tables.")
@click.option(
    "--json-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of suite files and leave.",
)
def run_command(
    choice: SuiteChoice,
    out: Path | None,
    device: str,
    jobs: int | None,
    backend: Backend,
    scheduler: str | None,
    max_hours: float | None,
    fresh: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train and evaluate every cell of SUITE that is not yet in the run.

    SUITE is a YAML file or the name of a shipped suite. A run that was interrupted goes on where
    it was; nothing is done twice.

    \b
    merbench run quick
    merbench run full_grid --jobs 4 --methods nmer,mmin
    merbench run ravdess --corpus table:path/to/ravdess
    merbench run full_grid --backend dask --scheduler tcp://head:8786
    """  # noqa: D301  # click looks for the character, not for two
    # Slow, and neither help nor a shell that completes waits for it.
    from rich.console import Console  # noqa: PLC0415

    from merbench.api.job import Job  # noqa: PLC0415
    from merbench.api.run import Run  # noqa: PLC0415

    job = Job.of(
        choice.suite,
        **choice.changes,
        out=out,
        device=device,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
        max_hours=max_hours,
    )
    root = job.root
    if fresh and (root / "cells").is_dir() and not yes:
        confirm_discard(f"Discard the run in {root}?")
    errors = Console(stderr=True, soft_wrap=True)
    outcome = job.execute(errors, quiet=quiet or as_json, fresh=fresh)
    if as_json:
        click.echo(json.dumps(_as_dict(outcome), indent=1))
    elif outcome.done:
        print_tables(Run(root), partial=outcome.done < outcome.total)
    for text in outcome.damaged:
        click.echo(f"done again: {text}", err=True)
    for failure in outcome.failures:
        click.echo(f"failed: {failure.cell}: {failure.error}", err=True)
    if outcome.failures:
        click.echo(
            f"{len(outcome.failures)} of {outcome.total} cells failed; the same command tries "
            "them again",
            err=True,
        )
    if outcome.left:
        click.echo(
            f"stopped after {max_hours:g} hours: {outcome.left} of {outcome.total} cells were not "
            "begun; the same command goes on with them",
            err=True,
        )
    if outcome.done == outcome.total and not quiet and not as_json:
        click.echo(f"{outcome.total} cells in {root}; next: merbench report {root}", err=True)
    if outcome.failures:
        return 1
    return IncompleteError.exit_code if outcome.left else 0


def _as_dict(outcome: RunOutcome) -> dict[str, object]:
    return {
        "run": str(outcome.root),
        "cells": {"done": outcome.done, "total": outcome.total},
        "failures": [{"cell": f.cell, "error": f.error} for f in outcome.failures],
        "damaged": list(outcome.damaged),
    }


def print_tables(run: Run, *, partial: bool) -> None:
    """Print the noise-free WA and UA tables, those of plug-ins, and the overview of the grid.

    A terminal's width is kept to; a file or a pipe has none, and gets whole lines.
    """
    from merbench.cli.output import terminal  # noqa: PLC0415
    from merbench.results.render import to_rich  # noqa: PLC0415

    console = terminal()
    for summary in run.tables(partial=partial):
        console.print(to_rich(summary, console.width), crop=False)
