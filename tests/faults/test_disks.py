"""Disks that are full or closed to us."""

import json
import shutil
from pathlib import Path

import pytest

from merbench.errors import StorageError
from merbench.store.writing import says_no, writing
from tests.conftest import table_bytes
from tests.faults.campaign import stored

# Shares of the room that a run needs: for its record, for a stage, for some cells.
_SHARES = (0.5, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.02, 0.9)))


@pytest.fixture
def place(disk):
    return disk("size=64m")


def fill(place, leave):
    """Leave so many KiB free."""
    free = shutil.disk_usage(place).free - leave * 1024
    (place / "ballast").write_bytes(b"x" * free)


@pytest.mark.parametrize("share", _SHARES)
def test_a_disk_that_fills_up_is_one_clear_error_and_the_run_goes_on_with_room(
    nurse, whole, place, share
):
    needed = sum(p.stat().st_size for p in (whole.suite.parent / "undisturbed").rglob("*"))
    run = place / "run"
    fill(place, int(needed * share / 1024))
    full = nurse("run", whole.suite, "--out", run, "--jobs", 1, "--quiet")
    assert full.code == 2, full.err
    assert full.err.count("\n") == 1, full.err
    assert full.err.startswith("Error: ")
    assert "No space left on device" in full.err
    kept = stored(run)
    (place / "ballast").unlink()
    again = nurse("run", whole.suite, "--out", run, "--jobs", 1, "--quiet")
    assert again.code == 0, again.err
    after = stored(run)
    assert {folder: after[folder] for folder in kept} == kept
    assert table_bytes(run) == whole.tables


@pytest.mark.slow
def test_a_full_disk_under_several_jobs(merbench, whole, place):
    fill(place, 300)
    run = place / "run"
    said = merbench.process("run", whole.suite, "--out", run, "--jobs", 2, "--quiet")
    assert said.code == 2, said.err
    assert "No space left on device" in said.err
    assert "Traceback" not in said.err
    (place / "ballast").unlink()
    again = merbench.process("run", whole.suite, "--out", run, "--jobs", 2, "--quiet")
    assert again.code == 0, again.err
    assert table_bytes(run) == whole.tables


def test_a_read_only_disk_is_one_clear_error_and_changes_nothing(nurse, whole, disk, place):
    run = place / "run"
    shutil.copytree(whole.suite.parent / "undisturbed", run)
    shutil.rmtree(next((run / "cells").glob("mmin-*")))
    before = stored(run)
    disk("remount,ro")
    for out in (run, place / "another"):
        closed = nurse("run", whole.suite, "--out", out, "--jobs", 1, "--quiet")
        assert closed.code == 2, closed.err
        assert closed.err.count("\n") == 1
        assert "Read-only file system" in closed.err
    assert table_bytes(run) == whole.tables
    disk("remount,rw")
    assert stored(run) == before
    again = nurse("run", whole.suite, "--out", run, "--jobs", 1, "--quiet")
    assert again.code == 0, again.err
    assert table_bytes(run) == whole.tables
    assert json.loads((run / "run.json").read_text("utf-8"))["status"] == "complete"


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "none" / "file").write_text("x")
    with pytest.raises(StorageError, match="No space left on device"), writing(tmp_path):
        Path("/dev/full").write_text("x")
    assert not says_no(OSError("something"))
