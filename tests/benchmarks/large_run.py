"""A run of the size that a real study has, its predictions drawn at random."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merbench.results.cells import write_cell_tables
from merbench.results.conditions import ConditionKey, in_grid_order
from merbench.results.header import CellKey, TableHeader
from merbench.results.tables import CellPredictions, RunTables, write_tables

MODALITIES = ("audio", "visual", "text")
PATTERNS = (
    "audio+visual+text",
    "audio",
    "visual",
    "text",
    "audio+visual",
    "audio+text",
    "visual+text",
)
CLASSES = ("angry", "happy", "neutral", "sad")


@dataclass(frozen=True)
class Size:
    """How large a run is."""

    methods: int = 6
    folds: int = 10
    seeds: int = 5
    conditions: int = 200
    utterances: int = 5531

    @property
    def predictions(self) -> int:
        """How many predictions it holds."""
        return self.methods * self.seeds * self.conditions * self.utterances


def write_large_run(directory: Path, size: Size) -> None:
    """Write the four tables and run.json of a run of one speaker a fold."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(CLASSES), size.utterances).astype(np.int16)
    speakers = [f"speaker {u % size.folds}" for u in range(size.utterances)]
    header = TableHeader(
        corpus="made",
        modalities=MODALITIES,
        classes=CLASSES,
        methods=("zero_fill", *(f"method_{m}" for m in range(size.methods - 2)), "nmer"),
        folds=tuple(str(f + 1) for f in range(size.folds)),
        seeds=tuple(range(size.seeds)),
        conditions=_conditions(size.conditions),
    )
    tables = RunTables(header, [f"u{u}" for u in range(size.utterances)], speakers)
    write_tables(directory, tables, _cells(header, labels, size))
    write_cell_tables(directory, [_record(key) for key in header.cells])
    contrasts = [["nmer", m] for m in header.methods[:-1]]
    record = {"suite": {"name": "large", "contrasts": contrasts}, "status": "complete"}
    (directory / "run.json").write_text(json.dumps(record))


def _conditions(number: int) -> tuple[ConditionKey, ...]:
    """Return `number` conditions: the noise-free patterns, then noises on what is present."""
    found = [ConditionKey(pattern) for pattern in PATTERNS]
    noises = (f"noise_{n}" for n in range(number))
    for noise in noises:
        for pattern in PATTERNS:
            for k in range(1, 6):
                found.append(ConditionKey(pattern, noise, "present", None, k / 5, k / 5))
        if len(found) >= number:
            break
    return in_grid_order(found[:number], PATTERNS)


def _cells(header: TableHeader, labels: np.ndarray, size: Size) -> Iterator[CellPredictions]:
    severities = np.array([c.severity for c in header.conditions])
    for key in header.cells:
        rng = np.random.default_rng(header.cells.index(key))
        utterances = np.arange(int(key.fold) - 1, size.utterances, size.folds, dtype=np.int32)
        truth = labels[utterances]
        strength = 0.5 * (1 - severities) + 0.05 * header.methods.index(key.method) / size.methods
        right = rng.random((len(severities), len(truth))) < strength[:, None]
        guesses = rng.integers(0, len(CLASSES), right.shape).astype(np.int16)
        predictions = np.where(right, truth, guesses)
        confidence = 0.3 + 0.6 * rng.random(right.shape, np.float32)
        probabilities = np.repeat(((1 - confidence) / 3)[..., None], len(CLASSES), -1)
        np.put_along_axis(
            probabilities, predictions[..., None].astype(int), confidence[..., None], -1
        )
        yield CellPredictions(
            *key, utterances, truth, predictions, probabilities.astype(np.float16)
        )


def _record(key: CellKey) -> dict[str, object]:
    epochs = [
        {
            "epoch": e,
            "lr": 1e-3,
            "loss": 1 / e,
            "terms": {"ce": 1 / e},
            "complete": 0.6,
            "partial": 0.5 + 0.01 * e,
            "seconds": 1.0,
        }
        for e in range(1, 11)
    ]
    stage = {
        "stage": "fusion",
        "curve": epochs,
        "chosen": {"partial": 10, "complete": 10},
        "recipe": {"training": {"select_by": "ua"}},
        "seconds": 10.0,
        "shared": False,
        "diagnostics": {},
    }
    return {
        **key._asdict(),
        "parameters": 1000,
        "stages": [stage],
        "seconds": {"train": 10.0, "evaluate": 1.0},
        "peak_memory": 10**9,
        "device": "cpu",
        "notes": [],
    }
