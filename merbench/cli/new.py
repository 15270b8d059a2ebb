"""`merbench new`: a plug-in to start from, and its test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from merbench.skeletons.skeleton import Kind, Written, write

_HINTS = {
    "method": "merbench run quick --methods zero_fill,{path}",
    "noise": "merbench run quick --set "
    "'grid.noise=[{{type: \"{path}\", severities: [0.5, 1.0], on: present}}]'",
    "reader": "merbench data describe {path}:PATH",
    "metric": "merbench run quick --set 'metrics=[ua, \"{path}\"]'",
}


@click.group()
def new() -> None:
    """Write a method, noise, reader or metric to start from, with its test.

    \b
    merbench new method my_method             a network of your own
    merbench new method my_method --kind torch    any torch.nn.Module
    """  # noqa: D301  # click looks for the character, not for two


def _out(command: Any) -> Any:
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path(),
        help="Folder to write into [here].",
    )(command)


@new.command("method")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["network", "torch", "sklearn", "black-box"]),
    default="network",
    show_default=True,
    help="Which door it takes.",
)
@_out
def method(name: str, kind: Kind, out: Path) -> None:
    """Write a method.

    \b
    merbench new method my_method
    merbench new method my_method --kind sklearn --out my_package
    """  # noqa: D301  # click looks for the character, not for two
    _tell("method", write(kind, name, out), out)


@new.command("noise")
@click.argument("name")
@_out
def noise(name: str, out: Path) -> None:
    """Write a type of noise.

    \b
    merbench new noise my_noise
    """  # noqa: D301  # click looks for the character, not for two
    _tell("noise", write("noise", name, out), out)


@new.command("reader")
@click.argument("name")
@_out
def reader(name: str, out: Path) -> None:
    """Write a reader of a corpus layout.

    \b
    merbench new reader my_reader
    """  # noqa: D301  # click looks for the character, not for two
    _tell("reader", write("reader", name, out), out)


@new.command("metric")
@click.argument("name")
@_out
def metric(name: str, out: Path) -> None:
    """Write a metric.

    \b
    merbench new metric my_metric
    """  # noqa: D301  # click looks for the character, not for two
    _tell("metric", write("metric", name, out), out)


def _tell(what: str, written: Written, out: Path) -> None:
    click.echo(f"{written.module}\n{written.test}")
    where = "" if out == Path() else f"cd {out}\n"
    click.echo(
        f"\nIt works as it stands:\n{where}{_HINTS[what].format(path=written.path)}\n"
        f"pytest {written.test.name}\n\nIn a package, pyproject.toml gives it a name:\n"
        f"{written.entry_point}",
        err=True,
    )
