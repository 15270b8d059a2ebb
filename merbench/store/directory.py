"""A run directory from outside: whether it is one, who is at work there, what belongs to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from merbench.errors import ConfigError
from merbench.results.audits import AUDIT
from merbench.results.cells import CELLS, CURVES
from merbench.results.tables import PREDICTIONS, RESULTS
from merbench.store.folders import is_draft, remove_drafts

RUN = "run.json"
_LOCK = ".lock"
LOG = "log"
_FOLDERS = ("cells", "stages", "imports", "report", LOG)
_FILES = (RUN, PREDICTIONS, RESULTS, CELLS, CURVES, AUDIT)


def read_run(root: Path) -> dict[str, Any] | None:
    """Return run.json, None where there is none or it is not a run's."""
    try:
        found = json.loads((root / RUN).read_text("utf-8"))
        ours = isinstance(found["suite"]["name"], str) and bool(found["corpus"]["fingerprint"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if ours else None


def refuse_strangers(root: Path) -> None:
    """Refuse a directory that holds something and is not a run.

    Raises:
        ConfigError: naming some of what it holds.
    """
    if not root.is_dir() or read_run(root) is not None:
        return
    own = {_LOCK, *_FOLDERS, *_FILES}
    if not (root / "cells").is_dir():
        own -= {RUN, *_FOLDERS}  # the lock is all that a run could have left
    strangers = sorted(p.name for p in root.iterdir() if p.name not in own and not is_draft(p))
    if strangers:
        raise ConfigError(
            f"{root}: not empty and not a run (it holds {', '.join(strangers[:3])}); "
            "use another --out"
        )


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep every other run out of a directory, which is made where it is missing.

    Raises:
        ConfigError: another run is at work there, or it cannot be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / _LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"{root}: another run is at work in this directory; wait for it or use another --out"
        ) from error
    except OSError as error:
        raise ConfigError(f"{root}: cannot write there ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


def at_work(root: Path) -> bool:
    """Say whether a run is at work in a directory (unknown counts as no)."""
    if not (root / _LOCK).exists():
        return False
    try:
        with FileLock(root / _LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def discard(root: Path) -> None:
    """Remove what a run has written, and nothing else."""
    for name in _FOLDERS:
        if (root / name).is_dir():
            shutil.rmtree(root / name)
    for name in _FILES:
        (root / name).unlink(missing_ok=True)
    remove_drafts(root)


def remove(root: Path) -> tuple[str, ...]:
    """Remove a run and its directory; return what is left there, for it is not the run's.

    Raises:
        ConfigError: it is at work, or cannot be written to.
    """
    with alone(root):
        discard(root)
        (root / _LOCK).unlink(missing_ok=True)
    left = tuple(sorted(path.name for path in root.iterdir()))
    if not left:
        root.rmdir()
    return left
