"""What a shell may offer for an argument. Nothing large is imported: people wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
# In `--set grid.noise.0.type=`, what follows `type=` is the name of a noise; likewise of others.
_VALUES = {"type": "noises", "reader": "readers"}


def suites(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the shipped suites, and files."""
    from merbench.suite.shipped import shipped  # noqa: PLC0415

    named = [CompletionItem(s.name, help=s.description) for s in shipped()]
    return [*_beginning(named, typed), CompletionItem(typed, type="file")]


def runs(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the runs under runs/, and folders."""
    found = sorted(path.parent for path in Path("runs").glob("*/run.json"))
    return [
        *_beginning((CompletionItem(str(path)) for path in found), typed),
        CompletionItem(typed, type="dir"),
    ]


def method(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the registered methods."""
    return _beginning(map(CompletionItem, _registered("methods")), typed)


def methods(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the registered methods for the last name of a list with commas."""
    before, comma, last = typed.rpartition(",")
    taken = before.split(",")
    offered = (name for name in _registered("methods") if name not in taken)
    return [
        CompletionItem(f"{before}{comma}{item.value}")
        for item in _beginning(map(CompletionItem, offered), last)
    ]


def corpora(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the readers, each with the colon that its path follows, and files."""
    reader, colon, path = typed.partition(":")
    names = _registered("readers")
    if colon and reader in names:
        return _paths(f"{reader}:", path)
    offered = (CompletionItem(n if n == "synthetic" else f"{n}:") for n in names)
    return [*_beginning(offered, typed), CompletionItem(typed, type="file")]


def settings(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Offer the names of noises in `--set grid.noise.0.type=`, and of readers."""
    key, equals, value = typed.rpartition("=")
    group = _VALUES.get(key.rpartition(".")[2])
    if not equals or group is None:
        return []
    return [
        CompletionItem(f"{key}={item.value}")
        for item in _beginning(map(CompletionItem, _registered(group)), value)
    ]


def words(*known: str) -> Completer:
    """Return what offers some words."""
    return lambda context, parameter, typed: _beginning(map(CompletionItem, known), typed)


def _registered(group: str) -> tuple[str, ...]:
    from merbench import registry  # noqa: PLC0415

    groups: dict[str, registry.Group] = {
        "methods": "methods",
        "noises": "noises",
        "readers": "readers",
    }
    return registry.names(groups[group])


def _paths(prefix: str, typed: str) -> list[CompletionItem]:
    """Offer what begins with a path; a shell that looks itself would not know of the prefix."""
    folder = Path(typed) if typed.endswith("/") else Path(typed).parent
    begun = "" if typed.endswith("/") else Path(typed).name
    try:
        found = sorted(p for p in folder.iterdir() if p.name.startswith(begun))
    except OSError:
        return []
    hidden = begun.startswith(".")
    return [
        CompletionItem(f"{prefix}{path}{'/' if path.is_dir() else ''}")
        for path in found
        if hidden or not path.name.startswith(".")
    ]


def _beginning(items: Iterable[CompletionItem], typed: str) -> list[CompletionItem]:
    return [item for item in items if str(item.value).startswith(typed)]
