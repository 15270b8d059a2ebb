"""Generated runs, written like real ones, with the hostile names that third parties may bring."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from merbench.results.cells import CELLS, CELLS_SCHEMA, CURVES, CURVES_SCHEMA
from merbench.results.conditions import ConditionKey, in_grid_order
from merbench.results.header import TableHeader
from merbench.results.tables import CellPredictions, RunTables, write_tables

HOSTILE = "<script>window.hurt = 1</script> & </script><!--"
METHODS = ("zero_fill", "if_mmin", "nmer", HOSTILE)
CLASSES = ("neutral", "<img src=x onerror=window.hurt=1>", "angry")
PATTERNS = ("audio", "text", "audio+text")
SUITE = "night <b>&amp; day"
UTTERANCES = 240


def write_run(directory: Path) -> Path:
    """Write a run of four methods, four folds and two seeds."""
    directory.mkdir(parents=True)
    conditions = [ConditionKey(p) for p in PATTERNS]
    for noise in ("gaussian", "burst"):
        for on, patterns in (("absent", PATTERNS[:2]), ("present", PATTERNS)):
            conditions += [
                ConditionKey(p, noise, on, None, s, s) for p in patterns for s in (0.1, 0.5, 0.9)
            ]
    header = TableHeader(
        corpus="made",
        modalities=("audio", "text"),
        classes=CLASSES,
        methods=METHODS,
        folds=("1", "2", "3", "4"),
        seeds=(0, 1),
        conditions=in_grid_order(conditions, PATTERNS),
        seen={"gaussian": ("nmer",), "burst": ()},
    )
    rng = np.random.default_rng(3)
    labels = rng.integers(0, len(CLASSES), UTTERANCES).astype(np.int16)
    cells = [_cell(header, key, labels, rng) for key in header.cells]
    speakers = [f"s{i % 12}" for i in range(UTTERANCES)]
    run = RunTables(header, [f"u{i}" for i in range(UTTERANCES)], speakers)
    write_tables(directory, run, cells)
    _write_training(directory, header)
    record = {
        "suite": {"name": SUITE, "version": 3, "contrasts": [["nmer", "if_mmin"]]},
        "suite_hash": "0123456789abcdef",
        "corpus": {"name": "made", "utterances": UTTERANCES},
        "warnings": ["fold 1: the test part has no <i>sad</i>"],
        "status": "complete",
    }
    (directory / "run.json").write_text(json.dumps(record))
    return directory


def _cell(header, key, labels, rng):
    # Folds are whole speakers: twelve of them, three to a fold.
    utterances = np.flatnonzero(np.arange(UTTERANCES) % 4 == int(key.fold) - 1).astype(np.int32)
    truth = np.eye(len(CLASSES))[labels[utterances]]
    skill = 1 + 0.6 * header.methods.index(key.method)
    strength = np.array([skill * (1 - c.severity) for c in header.conditions])
    shape = (len(strength), len(utterances), len(CLASSES))
    logits = rng.normal(size=shape) + strength[:, None, None] * truth
    odds = np.exp(logits)
    shares = (odds / odds.sum(-1, keepdims=True)).astype(np.float16)
    said = logits.argmax(-1).astype(np.int16)
    return CellPredictions(*key, utterances, labels[utterances], said, shares)


def _write_training(directory, header):
    cells, curves = [], []
    for key in header.cells:
        own = {"method": key.method, "fold": key.fold, "seed": key.seed}
        cells.append(
            own
            | {"parameters": 12345, "epoch": 4, "epochs": 5, "shared_seconds": 1.0}
            | {"train_seconds": 2.0, "evaluate_seconds": 0.5, "peak_memory": 2**28}
        )
        curves += [
            own
            | {"stage": "fusion", "epoch": epoch, "lr": 0.001, "loss": 1 / epoch, "terms": "{}"}
            | {"valid_complete": 0.5 + epoch / 20, "valid_partial": 0.4 + epoch / 20}
            | {"chosen_complete": epoch == 4, "chosen_partial": epoch == 4, "seconds": 0.4}
            for epoch in range(1, 6)
        ]
    for name, rows, schema in ((CELLS, cells, CELLS_SCHEMA), (CURVES, curves, CURVES_SCHEMA)):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), directory / name)
