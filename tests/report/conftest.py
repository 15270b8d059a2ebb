"""A generated run with the hostile names that third parties may bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from merbench.report.report import write_report
from merbench.results.conditions import ConditionKey, in_grid_order
from merbench.results.header import TableHeader
from merbench.results.tables import CellPredictions, RunTables, write_tables

HOSTILE = '<script>alert("x")</script> & $\\frac$'
PATTERNS = ("audio", "text", "audio+text")
RECORD = {
    "suite": {"name": "night", "version": 3},
    "suite_hash": "0123456789abcdef",
    "corpus": {
        "name": "made",
        "fingerprint": "f00d",
        "utterances": 60,
        "modalities": [
            {"name": "audio", "kind": "sequence", "width": 40},
            {"name": "text", "kind": "tokens", "width": 128},
        ],
    },
    "versions": {"merbench": "0.1.0", "numpy": "2"},
    "git": {"revision": "abc123", "dirty": True},
    "host": "here",
    "device": {"name": "cpu", "threads": 1},
    "cells": {"done": 12, "failed": 1, "total": 12},
    "status": "finished",
    "warnings": ["fold 1: the test part has no <i>sad</i>"],
    "conditions": {"evaluated": 19, "duplicates": ["audio+text, gaussian"], "not_applicable": []},
}

RunMaker = Callable[..., Path]


def write_run(
    base: Path,
    name: str = "run",
    *,
    lacking: Collection[tuple[str, str, int]] = (),
    record: object = RECORD,
) -> Path:
    """Write a run; `lacking` names (method, fold, seed) cells it has not."""
    conditions = [ConditionKey(p) for p in PATTERNS]
    for on, patterns in (("absent", PATTERNS[:2]), ("present", PATTERNS)):
        conditions += [
            ConditionKey(p, "gaussian", on, 10 * k, k / 4, k / 4)
            for p in patterns
            for k in (1, 2, 4)
        ]
    header = TableHeader(
        corpus="made",
        modalities=("audio", "text"),
        classes=("neutral", "sad", "angry"),
        methods=("zero_fill", HOSTILE),
        folds=("1", "2", "3"),
        seeds=(0, 1),
        conditions=in_grid_order(conditions, PATTERNS),
    )
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, 60).astype(np.int16)
    cells = []
    for key in header.cells:
        utterances = np.arange(60, dtype=np.int32)[int(key.fold) - 1 :: 3]
        truth = np.eye(3)[labels[utterances]]
        # The noisier, the less of the truth shows.
        strength = np.array([1.5 * (1 - c.severity) for c in header.conditions])
        logits = rng.normal(size=(len(strength), 20, 3)) + strength[:, None, None] * truth
        odds = np.exp(logits)
        probabilities = (odds / odds.sum(-1, keepdims=True)).astype(np.float16)
        cells.append(
            CellPredictions(
                *key,
                utterances,
                labels[utterances],
                logits.argmax(-1).astype(np.int16),
                probabilities,
            )
        )
    directory = base / name
    directory.mkdir(parents=True)
    run = RunTables(header, [f"u{i}" for i in range(60)], [f"s{i % 3}" for i in range(60)])
    write_tables(directory, run, [c for c in cells if tuple(c.key) not in lacking])
    (directory / "run.json").write_text(json.dumps(record))
    return directory


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """Write runs into a folder of the test."""
    return partial(write_run, tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with its report, made once."""
    directory = write_run(tmp_path_factory.mktemp("reported"))
    write_report(directory)
    return directory
