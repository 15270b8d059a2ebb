"""References, predictions and runs of others that mean harm: one message and no code."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from merbench.store.folders import read_record
from tests.hostile.sandbox import command, sandboxed

LONG = "x" * (1 << 20)
MOST_GROWN = 700 << 20


class Runs:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, ("executed",)


def changed(**fields: object) -> Callable[[Path], None]:
    """Return what changes fields of a saved reference."""

    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")

    return change


def packed(block: bytes, times: int) -> Callable[[Path], None]:
    """Return what writes a block many times, packed into little."""

    def write(path: Path) -> None:
        with gzip.open(path, "wb", compresslevel=1) as stream:
            for _ in range(times):
                stream.write(block)

    return write


def linked(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return link


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def written(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


REFERENCES = {
    "zeros without end": packed(bytes(1 << 24), 64),
    "blanks without end": packed(b" " * (1 << 24), 64),
    "lists without end": packed(b"[[],[],[],[]]," * (1 << 18), 40),
    "depth": written(b"[" * 500_000),
    "a long number": written(b'{"format": ' + b"9" * 1_000_000 + b"}"),
    "a pickle": written(pickle.dumps(Runs())),
    "gzip of nothing": written(b"\x1f\x8b"),
    "a device": linked("/dev/zero"),
    "a pipe": piped,
    "many seeds": changed(methods={f"m{n}": [*range(200)] for n in range(200)}),
    "a count beyond": changed(units=[{"fold": "1", "cluster": "a", "utterances": 1 << 62}]),
    "not a number": lambda path: path.write_text(
        path.read_text("utf-8").replace('"severity":0.0', '"severity":NaN')
        .replace('"format":"', '"format":"other ')
    ) and None,
    "a name of escapes": changed(corpus="\x1b[31m"),
    "a suite of escapes": changed(suite="\x1b[31m"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_that_means_harm_is_refused(world, tmp_path, name):
    path = tmp_path / "base.json"
    shutil.copy(world / "reference" / "base.json", path)
    REFERENCES[name](path)
    said = command("check", world / "run", "--reference", "base.json", cwd=tmp_path)
    assert "base.json" in said.refused()
    assert said.grown < MOST_GROWN
    assert os.listdir(tmp_path) == ["base.json"]  # noqa: PTH208


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def repeated(text: str, rows: int, *, plain: bool = False) -> pa.Table:
    """Return columns in which every row has one text."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [text])
    names = ["utterance", "condition", "prediction"]
    table = pa.table(dict.fromkeys(names, column))
    # Without Arrow's schema a reader takes the columns for plain text.
    return table.replace_schema_metadata({}) if plain else table


def without_schema(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, store_schema=False)
    return sink.getvalue().to_pybytes()


def executing() -> bytes:
    """Return a column whose type is a pickle, as pyarrow once loaded them."""
    field = pa.field(
        "utterance",
        pa.string(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Runs()),
        },
    )
    texts = pa.array(["a"])
    schema = pa.schema([field, ("condition", pa.string()), ("prediction", pa.string())])
    return parquet(pa.table([texts, texts, texts], schema=schema))


HEAD = b"utterance,condition,prediction\n"
PREDICTIONS = {
    "one long text for each row.parquet": lambda: parquet(repeated(LONG, 1 << 20)),
    "the same as plain text.parquet": lambda: without_schema(repeated(LONG, 1 << 20)),
    "rows without end.parquet": lambda: parquet(repeated("a", 1 << 25)),
    "a type that executes.parquet": executing,
    "lists.parquet": lambda: parquet(pa.table({"utterance": [[["a"]]], "condition": ["0"]})),
    "no Parquet.parquet": lambda: b"PAR1" + bytes(64) + b"\xff\xff\xff\x7fPAR1",
    "a footer beyond.parquet": lambda: b"PAR1\xff\xff\xff\x7fPAR1",
    "a pickle.parquet": lambda: pickle.dumps(Runs()),
    "a long cell.csv": lambda: HEAD + b"x" * (40 << 20) + b",0,a\n",
    "a long cell in quotes.csv": lambda: HEAD + b'"' + b"x\n" * (10 << 20) + b'",0,a\n',
    "many columns.csv": lambda: HEAD[:-1] + b",x" * 300_000 + b"\n",
    "many lines.csv": lambda: HEAD + b"u,0,a\n" * 300_000,
    "other widths.csv": lambda: HEAD + b"u,0\n" * 100_000,
    "not UTF-8.csv": lambda: HEAD + b"\xff,0,a\n" + b"\xfe,\n",
    "NUL.csv": lambda: HEAD + b"\0,\0,\0\n",
    "escapes.csv": lambda: HEAD + b"\x1b[31m,\x07,\xe2\x80\xaex\n",
    "nothing.csv": lambda: b"",
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions_that_mean_harm_are_refused(world, tmp_path, name):
    (tmp_path / name).write_bytes(PREDICTIONS[name]())
    suite = world / "suite" / "tiny.yaml"
    typed = ("grid", "import", name, "--suite", suite, "--as", "other", "--run", "run")
    said = command(*typed, cwd=tmp_path)
    said.refused()
    assert said.grown < MOST_GROWN
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


@pytest.mark.parametrize("target", ["/dev/zero", "/", None])
def test_what_is_no_file_of_predictions_is_refused(world, tmp_path, target):
    path = tmp_path / "given.csv"
    path.touch()
    piped(path) if target is None else linked(target)(path)
    suite = world / "suite" / "tiny.yaml"
    typed = ("grid", "import", path, "--suite", suite, "--as", "other", "--run", "run")
    assert "given.csv" in command(*typed, cwd=tmp_path).refused()


def header(**fields: object) -> Callable[[Path], None]:
    """Return what changes fields of the header in a run's predictions."""

    def change(path: Path) -> None:
        table = pq.read_table(path)
        said = json.loads(table.schema.metadata[b"merbench"])
        metadata = {b"merbench": json.dumps({**said, **fields}).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), path)

    return change


CONDITION = {"pattern": "audio", "noise": "none", "on": "", "level": None}
CONDITION |= {"requested": None, "severity": 0.0, "draw": 0}
RUNS = {
    "a device": ("predictions.parquet", linked("/dev/zero")),
    "a pipe": ("predictions.parquet", piped),
    "a type that executes": ("predictions.parquet", written(executing())),
    "axes without end": (
        "predictions.parquet",
        header(seeds=[*range(1000)], conditions=[CONDITION] * 1000, methods=["a", "b"] * 100),
    ),
    "axes of another kind": ("predictions.parquet", header(methods=5)),
    "names of another kind": ("predictions.parquet", header(classes=[1, None])),
    "conditions of another kind": ("predictions.parquet", header(conditions=[[]])),
    "other axes": ("predictions.parquet", header(methods=["x"])),
    "the record is a device": ("run.json", linked("/dev/zero")),
    "the record is a pipe": ("run.json", piped),
    "the record is deep": ("run.json", written(b'{"suite":' * 200_000)),
    "the record is a list": ("run.json", written(b"[1]")),
    "the record is a long number": ("run.json", written(b"9" * 1_000_000)),
    "the record has other kinds": (
        "run.json",
        written(b'{"suite": {"metrics": 5, "contrasts": [1]}, "folds": [{"overlap": {"a": "b"}}]}'),
    ),
    "results are a pipe": ("results.parquet", piped),
    "results execute": ("results.parquet", written(executing())),
    "training is no table": ("curves.parquet", written(b"PAR1")),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_means_harm_is_refused(tiny_run, tmp_path, name):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    file, change = RUNS[name]
    change(run / file)
    said = command("report", "run", cwd=tmp_path)
    said.refused()
    assert said.grown < MOST_GROWN
    assert os.listdir(tmp_path) == ["run"]  # noqa: PTH208


def read(folder: Path) -> int:
    return 3 if read_record(folder) is None else 0


@pytest.mark.parametrize("name", ["/dev/zero", "../other", "pipe", "/etc/passwd", "..", ""])
def test_a_cell_s_record_reads_no_file_but_its_own(tiny_run, tmp_path, name):
    cell = next((tiny_run / "cells").iterdir())
    copy = Path(shutil.copytree(cell, tmp_path / "cell"))
    assert sandboxed(read, copy, seconds=5).code == 0
    os.mkfifo(copy / "pipe")
    record = json.loads((copy / "record.json").read_text("utf-8"))
    record["files"][name] = "0" * 64
    (copy / "record.json").write_text(json.dumps(record), "utf-8")
    assert sandboxed(read, copy, seconds=5).code == 3
