"""`merbench runs`: the runs there are, and removing them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from merbench.cli.options import confirm_discard
from merbench.errors import ConfigError, did_you_mean
from merbench.store.directory import remove
from merbench.store.runs import RunFacts, find_runs
from merbench.text import visible

_HEADINGS = ("run", "suite", "cells", "status", "size", "age")


@click.group(invoke_without_command=True)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="The folder that holds the runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def runs(context: click.Context, root: Path, *, as_json: bool) -> None:
    """List the runs, the latest first.

    \b
    merbench runs                    suite, cells done, status, size, age
    merbench runs --root elsewhere --json
    """  # noqa: D301  # click looks for the character, not for two
    context.obj = root
    if context.invoked_subcommand is not None:
        return
    found = find_runs(root)
    if as_json:
        click.echo(json.dumps([asdict(run) for run in found], indent=1))
    elif not found:
        click.echo(f"no run under {root}; merbench run makes one", err=True)
    else:
        _show([_HEADINGS, *map(_line, found)])


@runs.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(root: Path, names: tuple[str, ...], *, yes: bool) -> None:
    """Remove runs by name: what they have written, and nothing else.

    \b
    merbench runs rm quick
    merbench runs rm old older --yes
    """  # noqa: D301  # click looks for the character, not for two
    known = {run.name: run for run in find_runs(root)}
    for name in names:
        if name not in known:
            what = "not a run" if (root / name).exists() else "no such run"
            raise ConfigError(f"{root / name}: {what}; {did_you_mean(name, known)}")
        if (root / name).is_symlink():
            raise ConfigError(f"{root / name}: a link; remove it and what it points to yourself")
    chosen = dict.fromkeys(names)
    if not yes:
        listed = ", ".join(f"{name} ({_size(known[name].size)})" for name in chosen)
        confirm_discard(f"Remove {listed}?")
    for name in chosen:
        left = remove(root / name)
        kept = f"; kept {', '.join(left)}, which it did not write" if left else ""
        click.echo(f"removed {root / name}{kept}", err=True)


def _line(run: RunFacts) -> tuple[str, ...]:
    cells = f"{run.done}/{run.total}"
    return run.name, run.suite, cells, run.status, _size(run.size), _age(run.age)


def _show(lines: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo(visible("  ".join(cells).rstrip()))


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
