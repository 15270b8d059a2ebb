"""Files that a method opens while it trains: the corpus is not to be read past the harness."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_watching: list[set[str]] = []


@contextmanager
def opened_files() -> Iterator[set[str]]:
    """Collect the paths that are opened through Python's `open` and `os.open` meanwhile.

    Libraries that open files by themselves, as HDF5 does, are not seen.
    """
    _listen()
    found: set[str] = set()
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


@cache
def _listen() -> None:
    # A hook cannot be removed again; without anyone watching it does nothing.
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event == "open" and isinstance(arguments[0], str | os.PathLike):
        for found in _watching:
            found.add(os.fspath(arguments[0]))


def within(paths: set[str], folder: Path) -> list[str]:
    """Return those of some paths that lie in a folder, or are it, sorted."""
    root = folder.resolve()
    return sorted(p for p in paths if (at := Path(p).resolve()) == root or root in at.parents)
