"""Methods, noises and readers by name: every one, ours too, is found through entry points."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from merbench.errors import ConfigError, did_you_mean

Group = Literal["methods", "noises", "readers"]


@cache
def _entries(group: Group) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"merbench.{group}")}


def names(group: Group) -> tuple[str, ...]:
    """Return the registered names of a group, sorted."""
    return tuple(sorted(_entries(group)))


@cache
def load(group: Group, name: str) -> Any:
    """Return the class registered as `name`, or the one that `package.module:Class` points to.

    Raises:
        ConfigError: no such name, or the import path leads nowhere.
    """
    if ":" in name:
        return _import_path(group, name)
    entries = _entries(group)
    if name not in entries:
        raise ConfigError(
            f"unknown {group[:-1]} {name!r}: {did_you_mean(name, entries)} "
            "(or an import path package.module:Class)"
        )
    return entries[name].load()


def _import_path(group: Group, path: str) -> Any:
    module_name, _, attribute = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"{group[:-1]} {path!r}: cannot import module {module_name!r} ({error})"
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        public = [
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        raise ConfigError(
            f"{group[:-1]} {path!r}: module {module_name!r} has no {attribute!r}; "
            f"{did_you_mean(attribute, public)}"
        ) from error
