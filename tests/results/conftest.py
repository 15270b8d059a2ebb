"""A small run: two modalities, two classes, two folds of four utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from merbench.results.conditions import ConditionKey
from merbench.results.header import TableHeader
from merbench.results.tables import CellPredictions, RunTables

CONDITIONS = (
    ConditionKey("a"),
    ConditionKey("a", "gaussian", "absent", 11, 0.2, 0.18),
    ConditionKey("a", "gaussian", "absent", 41, 0.9, 0.9),
    ConditionKey("b"),
    ConditionKey("b", "gaussian", "absent", 11, 0.2, 0.18),
    ConditionKey("b", "gaussian", "absent", 41, 0.9, 0.9),
    ConditionKey("a+b"),
)
LABELS = np.array([0, 0, 0, 1, 0, 1, 1, 1], np.int16)
FOLDS = {"x": np.arange(4, dtype=np.int32), "y": np.arange(4, 8, dtype=np.int32)}

CellMaker = Callable[[str, str, int, Sequence[str]], CellPredictions]


@pytest.fixture
def run() -> RunTables:
    header = TableHeader(
        corpus="tiny",
        modalities=("a", "b"),
        classes=("calm", "angry"),
        methods=("one", "two"),
        folds=("x", "y"),
        seeds=(0, 1),
        conditions=CONDITIONS,
    )
    return RunTables(header, [f"u{i}" for i in range(8)], [f"s{i // 2}" for i in range(8)])


@pytest.fixture
def cell() -> CellMaker:
    """Make a cell from one word for each condition, such as `0011`: what it said of each."""

    def make(method: str, fold: str, seed: int, words: Sequence[str]) -> CellPredictions:
        predictions = np.array([[int(c) for c in word] for word in words], np.int16)
        sure = np.where(predictions[..., None] == np.arange(2), 0.75, 0.25).astype(np.float16)
        utterances = FOLDS[fold]
        return CellPredictions(
            method, fold, seed, utterances, LABELS[utterances], predictions, sure
        )

    return make
