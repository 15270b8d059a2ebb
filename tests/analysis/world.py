"""Generated runs whose truth is known: how often each method is right is set by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from merbench.results.cells import write_cell_tables
from merbench.results.conditions import ConditionKey, in_grid_order
from merbench.results.header import CellKey, TableHeader
from merbench.results.tables import CellPredictions, RunTables, write_tables

PATTERNS = ("audio+text", "audio", "text")
SEVERITIES = (0.2, 0.6, 1.0)
Skill = Callable[[ConditionKey], float]


@dataclass(frozen=True)
class World:
    """A run to be written.

    Attributes:
        skills: label -> share of utterances that a method gets right under a condition.
        folds: how many.
        speakers: in each fold; 0 for a corpus that knows none.
        utterances: of each speaker.
        seeds: of every method.
        seeds_of: label -> its own seeds.
        luck: sd of the skill of one trained model.
        noise: whether the grid has a noise, on absent and on present modalities.
        lacking: cells that are not there.
        draw: of the predictions; another one gives other predictions of the same skill.
        record: more of run.json.
    """

    skills: Mapping[str, Skill | float]
    folds: int = 4
    speakers: int = 1
    utterances: int = 60
    seeds: Sequence[int] = (0, 1, 2)
    seeds_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    luck: float = 0.0
    noise: bool = True
    lacking: Sequence[tuple[str, str, int]] = ()
    draw: int = 0
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def header(self) -> TableHeader:
        """Axes of the run."""
        conditions = [ConditionKey(p) for p in PATTERNS]
        if self.noise:
            for on, patterns in (("absent", PATTERNS[1:]), ("present", PATTERNS)):
                conditions += [
                    ConditionKey(p, "burst", on, None, s, s) for p in patterns for s in SEVERITIES
                ]
        return TableHeader(
            corpus="made",
            modalities=("audio", "text"),
            classes=("calm", "sad", "angry", "glad"),
            methods=tuple(self.skills),
            folds=tuple(str(f + 1) for f in range(self.folds)),
            seeds=tuple(sorted({*self.seeds, *(s for own in self.seeds_of.values() for s in own)})),
            conditions=in_grid_order(conditions, PATTERNS),
            seeds_of={m: self.seeds_of.get(m, tuple(self.seeds)) for m in self.skills},
        )

    def write(self, directory: Path) -> Path:
        """Write the run's four tables and run.json."""
        directory.mkdir(parents=True)
        header, blocks = self.header, max(self.speakers, 1)
        number = self.folds * blocks * self.utterances
        fold = np.repeat(np.arange(self.folds), blocks * self.utterances)
        labels = np.tile(np.arange(4), number // 4 + 1)[:number].astype(np.int16)
        names = [f"s{u // self.utterances}" for u in range(number)] if self.speakers else None
        tables = RunTables(header, [f"u{u}" for u in range(number)], names)
        kept = [key for key in header.cells if tuple(key) not in self.lacking]
        write_tables(directory, tables, [self._cell(key, fold, labels) for key in kept])
        write_cell_tables(directory, [])
        record = {"suite": {"name": "world"}, "status": "complete", **self.record}
        (directory / "run.json").write_text(json.dumps(record))
        return directory

    def _cell(self, key: CellKey, fold: np.ndarray, labels: np.ndarray) -> CellPredictions:
        place = (*key.method.encode(), int(key.fold), key.seed, self.draw)
        rng = np.random.default_rng(place)
        mine = np.flatnonzero(fold == int(key.fold) - 1).astype(np.int32)
        skill = self.skills[key.method]
        shares = [skill(c) if callable(skill) else skill for c in self.header.conditions]
        wanted = np.clip(np.array(shares) + rng.normal(0, self.luck), 0, 1)
        right = rng.random((len(wanted), len(mine))) < wanted[:, None]
        wrong = (labels[mine] + rng.integers(1, 4, right.shape)) % 4
        said = np.where(right, labels[mine], wrong).astype(np.int16)
        shares = np.where(np.eye(4, dtype=bool)[said], 0.7, 0.1).astype(np.float16)
        return CellPredictions(*key, mine, labels[mine], said, shares)
