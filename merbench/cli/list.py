"""`merbench list`: what there is to write into a suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

import click

from merbench import registry
from merbench.errors import ConfigError, did_you_mean


class Item(NamedTuple):
    """One line of a list."""

    name: str
    summary: str


def _plugins(group: registry.Group) -> list[Item]:
    return [Item(name, _summary(group, name)) for name in registry.names(group)]


def _summary(group: registry.Group, name: str) -> str:
    try:
        return str(registry.load(group, name).summary)
    except Exception as error:  # a third party's module, which must not take the list with it
        return f"cannot be loaded ({type(error).__name__}: {error})"


def _suites() -> list[Item]:
    from merbench.suite.load import shipped  # noqa: PLC0415 - slow, and only wanted here

    return [Item(suite.name, suite.description) for suite in shipped()]


def _metrics() -> list[Item]:
    from merbench.results.metrics import METRICS  # noqa: PLC0415 - slow, and only wanted here

    return [
        Item(m.name, f"{m.label}: {m.doc}{'' if m.higher_is_better else ' (lower is better)'}")
        for m in METRICS.values()
    ]


KINDS: dict[str, Callable[[], list[Item]]] = {
    "methods": lambda: _plugins("methods"),
    "noises": lambda: _plugins("noises"),
    "readers": lambda: _plugins("readers"),
    "suites": _suites,
    "metrics": _metrics,
}


@click.command()
@click.argument("kind", metavar="|".join(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(kind: str, *, as_json: bool) -> None:
    """List what a suite can name, one line each."""
    if kind not in KINDS:
        raise ConfigError(f"no list of {kind!r}: {did_you_mean(kind, KINDS)}")
    items = KINDS[kind]()
    if as_json:
        click.echo(json.dumps([item._asdict() for item in items], indent=1))
        return
    width = max(len(item.name) for item in items)
    for item in items:
        click.echo(f"{item.name:{width}}  {item.summary}")
