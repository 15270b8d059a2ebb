"""Methods, noises, readers and metrics by name: all, ours too, are found through entry points."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Literal

from merbench.errors import ConfigError, did_you_mean

Group = Literal["methods", "noises", "readers", "metrics"]
OURS = "merbench"


@cache
def _entries(group: Group) -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=f"merbench.{group}"):
        found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def names(group: Group) -> tuple[str, ...]:
    """Return the registered names of a group, sorted."""
    return tuple(sorted(_entries(group)))


def loadable(group: Group) -> tuple[str, ...]:
    """Return those of the registered names that can be used, sorted."""
    return tuple(name for name in names(group) if fault(group, name) is None)


def fault(group: Group, name: str) -> str | None:
    """Return what is wrong with a plug-in, None where nothing is."""
    try:
        load(group, name)
    except ConfigError as error:
        return str(error)
    return None


def distributions(group: Group, name: str) -> tuple[str, ...]:
    """Return the distributions that register a name, each with its version; none for a path."""
    return tuple(_distribution(entry) for entry in _entries(group).get(name, ()))


def described(group: Group, name: str) -> str:
    """Return what to say of a plug-in in an error: whose it is, unless it is ours.

    Raises:
        ConfigError: no such name, or one that is taken more than once.
    """
    said = f"{group[:-1]} {name!r}"
    if ":" in name:
        return said
    entry = _entry(group, name)
    ours = _distribution(entry).split()[0] == OURS
    return said if ours else f"{said} of {_told(entry)}"


def path_of(found: type) -> str:
    """Return the import path of a class, as `load` takes it."""
    return f"{found.__module__}:{found.__qualname__}"


@cache
def load(group: Group, name: str) -> Any:
    """Return what is registered as `name`, or what `package.module:Name` points to.

    It keeps the contract of its group (see `merbench.contracts`).

    Raises:
        ConfigError: no such name, or something is wrong with the plug-in. The message names the
            distribution and the entry point.
    """
    said = described(group, name)
    found = _import(name if ":" in name else _entry(group, name).value, said)
    # Contracts know the classes of all groups; a name is looked up by modules that do not.
    contracts = importlib.import_module("merbench.contracts")
    broken = contracts.breach(group, name, found)
    if broken is not None:
        raise ConfigError(f"{said} {broken}")
    return found


def _entry(group: Group, name: str) -> EntryPoint:
    entries = _entries(group).get(name, ())
    if not entries:
        raise ConfigError(
            f"unknown {group[:-1]} {name!r}: {did_you_mean(name, _entries(group))} "
            "(or an import path package.module:Name)"
        )
    if len(entries) > 1:
        raise ConfigError(
            f"{group[:-1]} name {name!r} is taken more than once: by "
            f"{' and by '.join(_told(entry) for entry in entries)}; expected one: rename the entry "
            "point, uninstall one of them, or name yours as package.module:Name"
        )
    return entries[0]


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"


def _told(entry: EntryPoint) -> str:
    return f"{_distribution(entry)} (entry point {entry.group}: {entry.name} = {entry.value})"


def _import(path: str, said: str) -> Any:
    """Import what `package.module:Name` points to; a name may lie within a class."""
    module_name, _, attribute = path.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        raise ConfigError(
            f"{said} names a file; expected package.module:Name, where the module lies in the "
            "current folder or is installed"
        )
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{said}: cannot import module {module_name!r} ({error})") from error
    except (Exception, SystemExit) as error:  # whatever a third party's module does on import
        kind = type(error).__name__
        raise ConfigError(
            f"{said}: cannot import module {module_name!r} ({kind}: {error})"
        ) from error
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(
                f"{said}: module {module_name!r} has no {attribute!r}; "
                f"{did_you_mean(attribute, _offered(module))}"
            )
        found = getattr(found, part)
    return found


def _offered(module: ModuleType) -> Iterable[str]:
    """Return the names of the classes that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
