"""`merbench check`: the regression gate."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

from merbench.analysis.summary_json import plain_json
from merbench.api.run import Run
from merbench.check.api import Held
from merbench.check.cases import gate_junit, stopped_junit
from merbench.check.github import (
    job_summary,
    stopped_command,
    stopped_summary,
    workflow_commands,
)
from merbench.check.stopped import Stopped
from merbench.check.terminal import rules_table
from merbench.check.verdicts import Checked
from merbench.cli import completing
from merbench.cli.output import terminal, write_file
from merbench.errors import ConfigError, MerbenchError

SUMMARY = "GITHUB_STEP_SUMMARY"


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completing.runs)
@click.option("--reference", type=click.Path(path_type=Path), help="A saved reference, or a run.")
@click.option("--save-reference", "save", type=click.Path(path_type=Path), help="Write one.")
@click.option("--tolerances", type=click.Path(path_type=Path), help="YAML; default: the suite's.")
@click.option("--methods", metavar="A,B", help="Only these methods.")
@click.option("--strict", is_flag=True, help="Fail on suspects, too.")
@click.option("--all", "every", is_flag=True, help="Show every rule.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option("--github", is_flag=True, help="Annotate a GitHub workflow, and write its summary.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page.")
def check(
    run: Path,
    reference: Path | None,
    save: Path | None,
    tolerances: Path | None,
    methods: str | None,
    junit: Path | None,
    html: Path | None,
    *,
    strict: bool,
    every: bool,
    as_json: bool,
    github: bool,
) -> int:
    """Hold a run against a reference, and fail where accuracy dropped.

    \b
    merbench check RUN --save-reference FILE   keep a run as the reference
    merbench check RUN --reference FILE        fail where accuracy dropped

    Exit codes: 0 passed, 1 regressed, 2 wrong input, 3 incomplete or empty, 4 not comparable.
    """  # noqa: D301  # click looks for the character, not for two
    if save is not None and reference is None:
        others = {
            "--tolerances": tolerances, "--methods": methods, "--strict": strict, "--all": every,
            "--json": as_json, "--junit": junit, "--github": github, "--html": html,
        }  # fmt: skip
        if given := [name for name, value in others.items() if value]:
            raise ConfigError(
                f"--save-reference keeps the whole run; {given[0]} goes with --reference alone"
            )
        click.echo(Run(run).save_reference(save))
        return 0
    if reference is None or save is not None:
        raise ConfigError("expected either --reference FILE or --save-reference FILE")
    labels = [name.strip() for name in (methods or "").split(",") if name.strip()]
    outputs = _Outputs(junit, html, as_json, github, strict)
    try:
        held = Run(run).check(reference, tolerances=tolerances, methods=labels)
    except MerbenchError as error:
        outputs.tell_stopped(Stopped(str(run), str(reference), str(error), error.exit_code))
        raise
    outputs.tell(held, every)
    return held.checked.exit_code(strict)


class _Outputs(NamedTuple):
    """Where the outcome goes beside the terminal."""

    junit: Path | None
    html: Path | None
    as_json: bool
    github: bool
    strict: bool

    def tell(self, held: Held, every: bool) -> None:
        """Tell a verdict."""
        found, strict = held.checked, self.strict
        if self.junit is not None:
            write_file(self.junit, gate_junit(found, strict))
        if self.html is not None:
            # Drawing takes long to import.
            from merbench.check.page import gate_page  # noqa: PLC0415

            write_file(self.html, gate_page(found, held.run, held.reference, strict))
        if self.as_json:
            self._tell_json(found.headline(strict), found.exit_code(strict), found)
        else:
            _print(found, strict, every)
        if self.github:
            self._tell_github(workflow_commands(found, strict), job_summary(found, strict))

    def tell_stopped(self, stopped: Stopped) -> None:
        """Tell why there is no verdict, so that nobody reads an older file instead."""
        if self.junit is not None:
            write_file(self.junit, stopped_junit(stopped))
        if self.html is not None:
            from merbench.check.page import stopped_page  # noqa: PLC0415

            write_file(self.html, stopped_page(stopped))
        if self.as_json:
            self._tell_json(stopped.headline, stopped.exit_code, None)
        elif self.github:
            click.echo(stopped.headline)
        if self.github:
            self._tell_github([stopped_command(stopped)], stopped_summary(stopped))

    def _tell_json(self, headline: str, exit_code: int, found: Checked | None) -> None:
        outcome = {"headline": headline, "exit_code": exit_code, "strict": self.strict}
        click.echo(plain_json({**outcome, "checked": found}), nl=False)

    def _tell_github(self, commands: Iterable[str], summary: str) -> None:
        """Annotate the workflow, and add to the summary of its job where there is one."""
        for line in commands:
            # GitHub reads both streams, and a JSON value has stdout for itself.
            click.echo(line, err=self.as_json)
        where = os.environ.get(SUMMARY)
        if where:
            write_file(Path(where), summary, mode="ab")


def _print(found: Checked, strict: bool, every: bool) -> None:
    """Print the headline, and the rules where there is anything to see in them."""
    click.echo(found.headline(strict))
    if every or not found.identical:
        console = terminal()
        width = console.width if console.is_terminal else None
        console.print(rules_table(found, width, every), crop=False)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
