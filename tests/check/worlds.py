"""Generated runs that say which protocol they are of."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from merbench.check.reference import Reference, reference_of_run
from tests.analysis.world import World

PROTOCOL: dict[str, Any] = {
    "corpus": "c" * 64,
    "conditions": "d" * 64,
    "count": 18,
    "noises": {"burst": "b" * 64},
    "draws": "e" * 64,
    "folds": {"1": "f" * 64},
    "missing_rate": 0.0,
}
BASE = World(
    {"zero_fill": 0.6, "nmer": 0.55},
    folds=5,
    speakers=2,
    record={"protocol": PROTOCOL, "suite_hash": "5" * 64, "versions": {"torch": "2.4"}},
)


def run(folder: Path, name: str, **changes: Any) -> Path:
    """Write a run that differs from `BASE`; `protocol` changes fields of the protocol."""
    protocol = {**PROTOCOL, **changes.pop("protocol", {})}
    record = {**BASE.record, "protocol": protocol, **changes.pop("record", {})}
    return dataclasses.replace(BASE, record=record, **changes).write(folder / name)


def reference(folder: Path, name: str, **changes: Any) -> Reference:
    """Return such a run as a reference."""
    return reference_of_run(run(folder, name, **changes))
