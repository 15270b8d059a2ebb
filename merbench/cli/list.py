"""`merbench list`: what there is to write into a suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from merbench import registry
from merbench.cli import completing
from merbench.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from merbench.results.metrics import Metric


class Item(NamedTuple):
    """One line of a list.

    Attributes:
        name: as a suite has it.
        summary: one line, or what is wrong with it.
        distribution: that a plug-in comes with, and its version; empty for ours.
        broken: True where it cannot be used.
    """

    name: str
    summary: str
    distribution: str = ""
    broken: bool = False


def _plugins(group: registry.Group, summary: Callable[[Any], str]) -> list[Item]:
    """List a group; a third party's broken plug-in must not take the others with it."""
    items = []
    for name in registry.names(group):
        theirs = [d for d in registry.distributions(group, name) if d.split()[0] != registry.OURS]
        fault = registry.fault(group, name)
        text = summary(registry.load(group, name)) if fault is None else f"broken: {fault}"
        items.append(Item(name, text, ", ".join(theirs), fault is not None))
    return items


def _classes(group: registry.Group) -> list[Item]:
    return _plugins(group, lambda found: str(found.summary))


def _suites() -> list[Item]:
    from merbench.suite.load import shipped  # noqa: PLC0415 - slow, and only wanted here

    return [Item(suite.name, suite.description) for suite in shipped()]


def _metrics() -> list[Item]:
    from merbench.results.metrics import METRICS  # noqa: PLC0415 - slow, and only wanted here

    ours = {m.name: Item(m.name, _of_metric(m)) for m in METRICS.values()}
    plugged = {item.name: item for item in _plugins("metrics", _of_metric)}
    return [*(ours | plugged).values()]


def _of_metric(metric: Metric) -> str:
    return f"{metric.label}: {metric.doc}{'' if metric.higher_is_better else ' (lower is better)'}"


KINDS: dict[str, Callable[[], list[Item]]] = {
    "methods": lambda: _classes("methods"),
    "noises": lambda: _classes("noises"),
    "readers": lambda: _classes("readers"),
    "suites": _suites,
    "metrics": _metrics,
}


@click.command()
@click.argument("kind", metavar="|".join(KINDS), shell_complete=completing.words(*KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(kind: str, *, as_json: bool) -> None:
    """List what a suite can name, one line each.

    \b
    merbench list methods
    merbench list noises --json
    """  # noqa: D301  # click looks for the character, not for two
    if kind not in KINDS:
        raise ConfigError(f"no list of {kind!r}: {did_you_mean(kind, KINDS)}")
    items = KINDS[kind]()
    if as_json:
        click.echo(json.dumps([item._asdict() for item in items], indent=1))
        return
    width = max(len(item.name) for item in items)
    for item in items:
        source = f"  [{item.distribution}]" if item.distribution and not item.broken else ""
        click.echo(f"{item.name:{width}}  {item.summary}{source}")
