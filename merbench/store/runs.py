"""The runs that lie beside each other in a folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from merbench.store.directory import RUN, at_work, read_run
from merbench.store.folders import RECORD


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run from outside.

    Attributes:
        name: of its directory.
        suite: name of its suite.
        done: cells that are there.
        total: cells of the suite.
        status: `running`, `interrupted`, `failed` or `complete`.
        size: bytes of all that is in its directory.
        age: seconds since it last changed.
    """

    name: str
    suite: str
    done: int
    total: int
    status: str
    size: int
    age: float


def find_runs(folder: Path) -> tuple[RunFacts, ...]:
    """Return the runs in a folder, the one that changed last first."""
    if not folder.is_dir():
        return ()
    found = (run_facts(path) for path in folder.iterdir() if path.is_dir())
    return tuple(sorted((f for f in found if f is not None), key=lambda f: (f.age, f.name)))


def run_facts(root: Path) -> RunFacts | None:
    """Return what is known of the run in a directory, None where there is none."""
    record = read_run(root)
    if record is None:
        return None
    status = str(record.get("status", ""))
    if at_work(root):
        status = "running"
    elif status == "running":  # it was killed, and could not say so
        status = "interrupted"
    folders = record.get("folders", [])
    return RunFacts(
        name=root.name,
        suite=record["suite"]["name"],
        done=sum((root / "cells" / name / RECORD).is_file() for name in folders),
        total=len(folders),
        status=status,
        size=_size(root),
        age=max(0.0, time.time() - _changed(root)),
    )


def _changed(root: Path) -> float:
    """Return when a run's description or its set of cells last changed."""
    return max(path.stat().st_mtime for path in (root / RUN, root / "cells") if path.exists())


def _size(root: Path) -> int:
    total = 0
    for path in root.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a run at work moves its drafts
            continue
    return total
