"""Disturb runs on purpose, and write down what it cost: reports/reliability.md.

    python -m reports.reliability                 # all parts, an hour on a busy machine
    python -m reports.reliability writes moments  # some

Counts of parts that were not asked for stay as they were (reports/reliability.json).
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults import campaign
from tests.faults.campaign import Reference, Tally
from tests.faults.nursery import Nursery, nursery

_COUNTS = Path(__file__).with_name("reliability.json")
_PAGE = _COUNTS.with_suffix(".md")
_MOMENTS = 25
Part = Callable[[Nursery, Reference, Path, Tally], None]


def _writes(nurse: Nursery, whole: Reference, folder: Path, tally: Tally) -> None:
    places = campaign.first_of_each_kind(whole.forked.writes)
    campaign.killed_at_writes(nurse, whole, folder, places, tally)


def _moments(nurse: Nursery, whole: Reference, folder: Path, tally: Tally) -> None:
    campaign.killed_at_moments(nurse, whole, folder, _MOMENTS, tally)


def _discards(nurse: Nursery, whole: Reference, folder: Path, tally: Tally) -> None:
    campaign.killed_while_it_discards(nurse, whole, folder, tally)


def _terminated(nurse: Nursery, whole: Reference, folder: Path, tally: Tally) -> None:
    campaign.killed_at_moments(nurse, whole, folder, _MOMENTS, tally, signal.SIGTERM)


_PARTS: dict[str, tuple[str, Part]] = {
    "writes": ("kill -9 before each kind of write", _writes),
    "moments": (f"kill -9 at {_MOMENTS} random moments", _moments),
    "discards": ("kill -9 while `--fresh` discards", _discards),
    "terminated": (f"SIGTERM at {_MOMENTS} random moments", _terminated),
}
_HEAD = """# What faults have cost

Written by `python -m reports.reliability`, which disturbs runs of a small suite (a shared stage and
two cells), takes each up again with the same command, and counts. A kill that found the run ended
already is no kill. What each word promises: [docs/reliability.md](../docs/reliability.md).

| fault | runs | kills | cells at the end | whole when it came | lost or done again | \
begun twice beyond the one in flight | tables that differ | drafts left |
|---|---|---|---|---|---|---|---|---|
"""


def _row(title: str, counts: dict[str, Any]) -> str:
    names = ("runs", "kills", "cells", "kept", "lost", "twice", "different", "left")
    return f"| {title} | {' | '.join(str(counts[name]) for name in names)} |\n"


def _page(counts: dict[str, dict[str, Any]]) -> str:
    rows = "".join(_row(_PARTS[name][0], counts[name]) for name in _PARTS if name in counts)
    where = "".join(
        f"\n{_PARTS[name][0]}: the last write before each was\n\n"
        + "".join(f"- `{kind}`: {number}\n" for kind, number in sorted(_count(found).items()))
        for name in _PARTS
        if name in counts and (found := counts[name]["where"])
    )
    return f"{_HEAD}{rows}\n## Where they were met\n{where}"


def _count(found: list[str]) -> dict[str, int]:
    return {kind: found.count(kind) for kind in set(found)}


def main(parts: list[str]) -> None:
    """Run some parts, each in a folder of its own, and write both files after each."""
    counts = json.loads(_COUNTS.read_text("utf-8")) if _COUNTS.is_file() else {}
    with tempfile.TemporaryDirectory() as place, nursery(Path(place)) as nurse:
        whole = campaign.reference(nurse, Path(place))
        for name in parts:
            tally = Tally()
            _PARTS[name][1](nurse, whole, Path(place), tally)
            counts[name] = asdict(tally)
            _COUNTS.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", "utf-8")
            _PAGE.write_text(_page(counts), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or [*_PARTS])
