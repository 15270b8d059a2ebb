"""Sound files of every kind that merbench reads, and the command that reads each."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from merbench.check.reference_file import load_reference, save_reference
from tests.conftest import TINY


class Target(NamedTuple):
    """A file to damage.

    Attributes:
        folder: of the world, copied for each example.
        file: in it.
        typed: the command; `{copy}` is the copied folder, `{world}` the sound one.
    """

    folder: str
    file: str
    typed: tuple[str, ...]


def _described(layout: str, file: str) -> Target:
    return Target(layout, file, ("data", "describe", f"{layout}:{{copy}}"))


_CHECK = ("check", "{world}/run", "--reference")
_SAVE = ("check", "{copy}", "--save-reference", "{out}")
_SUITE = ("--suite", "{world}/suite/tiny.yaml")
_IMPORT = ("grid", "import", "--as", "other", "--run", "{out}", "--replace", *_SUITE)
TARGETS = {
    "features.npz": _described("table", "features.npz"),
    "index.csv": _described("table", "index.csv"),
    "corpus.json": _described("table", "corpus.json"),
    "npy": _described("npy_dir", "audio/u000.npy"),
    "labels.csv": _described("npy_dir", "labels.csv"),
    "pickle": _described("mmsa", "corpus.pkl"),
    "HDF5": _described("mmin", "L/bert_large.h5"),
    "targets": _described("mmin", "target/1/trn_int2name.npy"),
    "manifest.json": _described("native", "manifest.json"),
    "index.parquet": _described("native", "index.parquet"),
    "suite": Target("suite", "tiny.yaml", ("plan", "{copy}/tiny.yaml", "--out", "{out}")),
    "reference.json": Target("reference", "base.json", (*_CHECK, "{copy}/base.json")),
    "reference.json.gz": Target("reference", "base.json.gz", (*_CHECK, "{copy}/base.json.gz")),
    "predictions.parquet": Target("run", "predictions.parquet", _SAVE),
    "run.json": Target("run", "run.json", _SAVE),
    "imported csv": Target("given", "given.csv", (*_IMPORT, "{copy}/given.csv")),
    "imported Parquet": Target("given", "given.parquet", (*_IMPORT, "{copy}/given.parquet")),
}


def write_world(folder: Path, tiny_run: Path) -> Path:
    """Write what is no corpus: a suite, a run, references and predictions."""
    for name in ("suite", "reference", "given"):
        (folder / name).mkdir()
    (folder / "suite" / "tiny.yaml").write_text(json.dumps(TINY, indent=1), "utf-8")
    shutil.copytree(tiny_run, folder / "run")
    save_reference(load_reference(folder / "run"), folder / "reference" / "base.json")
    packed = gzip.compress((folder / "reference" / "base.json").read_bytes(), mtime=0)
    (folder / "reference" / "base.json.gz").write_bytes(packed)
    rows = pd.read_parquet(tiny_run / "predictions.parquet")
    rows = rows[rows["method"].astype(str) == "logreg"]
    rows = rows[["utterance", "condition", "fold", "seed", "prediction"]].astype(str)
    rows.to_csv(folder / "given" / "given.csv", index=False)
    rows.to_parquet(folder / "given" / "given.parquet", index=False)
    return folder
