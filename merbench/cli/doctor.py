"""`merbench doctor`: can this machine, with what is installed, do the work?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from merbench.doctor.finding import Finding

_MARKS = {"ok": " ", "note": "!", "problem": "x"}


@click.command()
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where runs are to lie.",
)
@click.option("--no-self-test", is_flag=True, help="Look only; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, runs: Path, *, no_self_test: bool, as_json: bool) -> int:
    """Check this installation: versions, devices, threads, disk, plug-ins, variables.

    Then a self-test of about twenty seconds on the CPU: a tiny suite is trained, evaluated and
    reported in a temporary folder, and the same run, repeated in two processes, must give the same
    bytes.

    \b
    merbench doctor                    look, and test
    merbench doctor --no-self-test     look only
    merbench doctor --json > doctor.json   to hand on with a question

    Exit codes: 0 nothing is in the way of a run, 2 something is.
    """  # noqa: D301  # click looks for the character, not for two
    from merbench.doctor.looks import look  # noqa: PLC0415 - imports torch
    from merbench.doctor.selftest import self_test  # noqa: PLC0415

    tested = iter(()) if no_self_test else self_test()
    found = list(_told(chain(look(runs, _variables(context)), tested), quiet=as_json))
    problems = [finding for finding in found if finding.verdict == "problem"]
    if as_json:
        whole = {"ok": not problems, "findings": [finding._asdict() for finding in found]}
        click.echo(json.dumps(whole, indent=1))
    else:
        click.echo(_summary(found))
    return 2 if problems else 0


def _variables(context: click.Context) -> Iterator[str]:
    """Give the variables that set an option of any command."""
    root = context.find_root().command
    if isinstance(root, click.Group):
        commands = (root.get_command(context, name) for name in root.list_commands(context))
        for command in commands:
            for parameter in command.params if command is not None else ():
                if isinstance(parameter.envvar, str):
                    yield parameter.envvar


def _told(findings: Iterator[Finding], *, quiet: bool) -> Iterator[Finding]:
    """Hand findings on, and show each as it comes: the self-test takes its time."""
    group = ""
    for finding in findings:
        if not quiet:
            if finding.group != group:
                click.echo(finding.group)
            click.echo(f"{_MARKS[finding.verdict]} {finding.name:28} {finding.text}")
        group = finding.group
        yield finding


def _summary(found: list[Finding]) -> str:
    counts = {v: sum(finding.verdict == v for finding in found) for v in ("problem", "note")}
    if not any(counts.values()):
        return "All is well."
    said = [f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n]
    return f"{' and '.join(said)}: the lines that begin with x or !."
