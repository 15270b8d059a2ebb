"""The two tables about training: cells.parquet and curves.parquet, from the records of cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CELLS, CURVES = "cells.parquet", "curves.parquet"
Record = Mapping[str, Any]

_KEYS = (("method", pa.string()), ("fold", pa.string()), ("seed", pa.int64()))
# Said here and not inferred: a run of black boxes has no curve, but its table has columns.
CELLS_SCHEMA = pa.schema(
    [
        *_KEYS,
        ("parameters", pa.int64()),
        ("epoch", pa.int64()),
        ("epochs", pa.int64()),
        ("shared_seconds", pa.float64()),
        ("train_seconds", pa.float64()),
        ("evaluate_seconds", pa.float64()),
        ("peak_memory", pa.int64()),
        ("device", pa.string()),
        ("batch_share", pa.int64()),
        ("diagnostics", pa.string()),
        ("warnings", pa.string()),
    ]
)
CURVES_SCHEMA = pa.schema(
    [
        *_KEYS,
        ("stage", pa.string()),
        ("epoch", pa.int64()),
        ("lr", pa.float64()),
        ("loss", pa.float64()),
        ("terms", pa.string()),
        ("select_by", pa.string()),
        ("valid_complete", pa.float64()),
        ("valid_partial", pa.float64()),
        ("chosen_complete", pa.bool_()),
        ("chosen_partial", pa.bool_()),
        ("seconds", pa.float64()),
    ]
)


def write_cell_tables(directory: Path, records: Sequence[Record]) -> None:
    """Write both tables, each replaced at once.

    Args:
        directory: of the run.
        records: of its cells, in the order of the tables.
    """
    _write(directory / CELLS, [_cell(record) for record in records], CELLS_SCHEMA)
    curves = [row for record in records for row in _curve(record)]
    _write(directory / CURVES, curves, CURVES_SCHEMA)


def _cell(record: Record) -> dict[str, Any]:
    last = record["stages"][-1] if record["stages"] else None
    shared = sum(s["seconds"] for s in record["stages"] if s["shared"])
    diagnostics = last["diagnostics"] if last else {}
    return {
        **_key(record),
        "parameters": record["parameters"],
        "epoch": last["chosen"]["partial"] if last else None,
        "epochs": sum(len(s["curve"]) for s in record["stages"]),
        "shared_seconds": shared,
        "train_seconds": record["seconds"]["train"],
        "evaluate_seconds": record["seconds"]["evaluate"],
        "peak_memory": record["peak_memory"],
        "device": record["device"],
        "batch_share": record.get("batch_share", 1),
        "diagnostics": json.dumps(diagnostics, sort_keys=True),
        "warnings": "; ".join(record["notes"]),
    }


def _curve(record: Record) -> Iterator[dict[str, Any]]:
    for stage in record["stages"]:
        for epoch in stage["curve"]:
            yield {
                **_key(record),
                "stage": stage["stage"],
                "epoch": epoch["epoch"],
                "lr": epoch["lr"],
                "loss": epoch["loss"],
                "terms": json.dumps(epoch["terms"], sort_keys=True),
                "select_by": stage["recipe"]["training"]["select_by"],
                "valid_complete": epoch["complete"],
                "valid_partial": epoch["partial"],
                "chosen_complete": stage["chosen"].get("complete") == epoch["epoch"],
                "chosen_partial": stage["chosen"].get("partial") == epoch["epoch"],
                "seconds": epoch["seconds"],
            }


def _key(record: Record) -> dict[str, Any]:
    return {name: record[name] for name, _ in _KEYS}


def _write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
