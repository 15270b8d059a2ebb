"""A clock that is set back, and a corpus that changes, between a run and its resumption."""

import json
import shutil
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import table_bytes
from tests.faults.campaign import stored

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_back_changes_nothing(merbench, copied, tiny_run, jobs):
    for cell in (copied / "cells").glob("zero_fill-*"):
        shutil.rmtree(cell)
    kept = stored(copied)
    past = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "-400d"}
    said = merbench.process(
        "run", merbench.suite(), "--out", copied, "--jobs", jobs, "--max-hours", 1, env=past
    )
    assert said.code == 0, said.err
    after = stored(copied)
    assert {folder: after[folder] for folder in kept} == kept
    assert table_bytes(copied) == table_bytes(tiny_run)
    record = json.loads((copied / "run.json").read_text("utf-8"))
    assert record["status"] == "complete"
    # The record says what the clock said.
    assert datetime.fromisoformat(record["finished"]).timestamp() < time.time() - 300 * 86400
    listed = json.loads(merbench("runs", "--root", copied.parent, "--json").out)
    assert listed[0]["age"] >= 0


def test_a_corpus_file_that_changed_is_refused_and_the_run_left_as_it_was(merbench, tmp_path):
    corpus, run = tmp_path / "corpus", tmp_path / "run"
    synth = merbench("data", "synth", "--layout", "native", "--out", corpus, "--utterances", 60)
    assert synth.code == 0, synth.err
    suite = merbench.suite(methods=["logreg"], corpus={"reader": "native", "path": str(corpus)})
    merbench.run(suite, run)
    shutil.rmtree(next((run / "cells").iterdir()))
    cells, tables = stored(run), table_bytes(run)
    largest = max(corpus.rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    sound = largest.read_bytes()
    largest.write_bytes(sound[:-3] + bytes([sound[-3] ^ 1]) + sound[-2:])
    said = merbench("run", suite, "--out", run, "--jobs", 1)
    assert said.code == 2, said.err
    assert said.err.startswith("Error: ")
    assert "Traceback" not in said.err
    assert (stored(run), table_bytes(run)) == (cells, tables)
    largest.write_bytes(sound)
    merbench.run(suite, run)
    assert table_bytes(run) == tables
