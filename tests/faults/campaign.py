"""Runs that are killed and taken up again, and the count of what that cost.

The tests hold each count to nothing; `reports/reliability.py` runs the whole and writes the counts
down.
"""

import json
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from merbench.store.folders import read_record
from tests.conftest import TINY, table_bytes
from tests.faults.nursery import Forked, Nursery

# One shared stage and two cells: every kind of thing that a run writes, and little of each.
SMALL: dict[str, Any] = {
    **TINY,
    "name": "small",
    "folds": {**TINY["folds"], "limit": 1},
    "methods": ["zero_fill", "mmin"],
}
CELLS, STAGES = 2, 1


@dataclass
class Tally:
    """What faults have cost, summed over runs.

    Attributes:
        runs: that were disturbed and taken up again.
        kills: that met a run alive.
        cells: that were there at the end of all runs.
        kept: cells and stages that were there when the fault came.
        lost: of those, how many were not there as they were, or were done again.
        twice: cells and stages begun twice, beyond those in flight.
        different: runs whose tables were not those of an undisturbed run.
        left: drafts that lay about after the end.
        where: what the runs were about to do when they were killed.
    """

    runs: int = 0
    kills: int = 0
    cells: int = 0
    kept: int = 0
    lost: int = 0
    twice: int = 0
    different: int = 0
    left: int = 0
    where: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, done twice, left about or different."""
        return not (self.lost or self.twice or self.different or self.left)


@dataclass(frozen=True)
class Reference:
    """An undisturbed run.

    Attributes:
        suite: its file.
        tables: name -> bytes.
        forked: how it went.
    """

    suite: Path
    tables: dict[str, bytes]
    forked: Forked


def reference(nursery: Nursery, folder: Path) -> Reference:
    """Run the small suite undisturbed."""
    suite, run = folder / "small.yaml", folder / "undisturbed"
    suite.write_text(json.dumps(SMALL), "utf-8")
    # The second is measured: the first reads files that no one has read before.
    for _ in range(2):
        shutil.rmtree(run, ignore_errors=True)
        forked = nursery(*_command(suite, run), watch=run)
        assert forked.code == 0, forked.err
    return Reference(suite, table_bytes(run), forked)


def _command(suite: Path, run: Path, *more: str) -> tuple[object, ...]:
    return ("run", suite, "--out", run, "--jobs", 1, *more)


def stored(run: Path) -> dict[Path, tuple[int, int]]:
    """Return what is whole in a run: folder -> inode and time of its record."""
    found = {}
    for parent in (run / "cells", run / "stages"):
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder.name[0] != "." and read_record(folder) is not None:
                stat = (folder / "record.json").stat()
                found[folder] = (stat.st_ino, stat.st_mtime_ns)
    return found


def _drafts(run: Path) -> list[Path]:
    return [p for p in run.rglob(".*") if p.name != ".lock"]


def kind_of(write: str) -> str:
    """Return a write without the names that each run makes anew."""
    text = re.sub(r"[0-9a-f]{32}\b", "*", write)
    return re.sub(r"[0-9a-f]{64}|(zero_fill|mmin)-[^/]*", "*", text)


def first_of_each_kind(writes: list[str]) -> list[int]:
    """Return the places where a kind of write comes for the first time."""
    first: dict[str, int] = {}
    for place, write in enumerate(writes):
        first.setdefault(kind_of(write), place)
    return sorted(first.values())


def disturbed(
    nursery: Nursery, whole: Reference, run: Path, tally: Tally, *more: str, **fault: Any
) -> None:
    """Disturb a run, take it up with the same command, and count what that cost."""
    there = stored(run)
    hit = nursery(*_command(whole.suite, run, *more), watch=run, **fault)
    dead = hit.code in (-signal.SIGKILL, 130)
    tally.kills += dead
    tally.where += [kind_of(hit.writes[-1]) if hit.writes else "nothing yet"] if dead else []
    kept = stored(run)
    in_flight = len([p for p in _drafts(run) if p.parent.name in ("cells", "stages")])
    again = nursery(*_command(whole.suite, run), watch=run)
    assert again.code == 0, again.err
    after = stored(run)
    tally.runs += 1
    tally.cells += len([folder for folder in after if folder.parent.name == "cells"])
    tally.kept += len(kept)
    if not more:  # unless it was told to discard
        tally.lost += sum(kept.get(folder) != mark for folder, mark in there.items())
    tally.lost += sum(after.get(folder) != mark for folder, mark in kept.items())
    tally.twice += max(0, in_flight - 1)
    tally.different += table_bytes(run) != whole.tables
    tally.left += len(_drafts(run))
    record = json.loads((run / "run.json").read_text("utf-8"))
    assert (record["status"], record["cells"]["done"]) == ("complete", CELLS)


def killed_at_writes(
    nursery: Nursery, whole: Reference, folder: Path, places: list[int], tally: Tally
) -> None:
    """Kill a new run at each of some writes."""
    for place in places:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        disturbed(nursery, whole, run, tally, at_write=place)


def killed_while_it_discards(
    nursery: Nursery, whole: Reference, folder: Path, tally: Tally, step: int = 1
) -> None:
    """Kill `--fresh` at the writes and removals that it comes to before it has discarded all."""
    full, run = folder / "undisturbed", folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(full, run)
    writes = nursery(*_command(whole.suite, run, "--fresh", "--yes"), watch=run).writes
    removals = [n for n, write in enumerate(writes) if write.split()[0] in ("remove", "rmdir")]
    begun = next(n for n, write in enumerate(writes) if "mkdir log" in write)
    for place in [n for n in removals if n < begun][::step]:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(full, run)
        disturbed(nursery, whole, run, tally, "--fresh", "--yes", at_write=place)


def killed_at_moments(
    nursery: Nursery,
    whole: Reference,
    folder: Path,
    number: int,
    tally: Tally,
    by: signal.Signals = signal.SIGKILL,
) -> None:
    """Kill runs at random moments of their life, until so many were met alive."""
    moments, met = np.random.default_rng(7), tally.kills + number
    for _ in range(3 * number):
        if tally.kills == met:
            break
        moment = float(moments.uniform(0, whole.forked.seconds))
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        disturbed(nursery, whole, run, tally, after=moment, by=by)
