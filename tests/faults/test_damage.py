"""Files of a cell that are not as they were written."""

import json

import pytest

from tests.conftest import TINY, table_bytes
from tests.execution.looks import folders, written

_FILES = ("weights", "predictions", "normaliser")
_OFTEN = (
    ("weights.safetensors", "start"),
    ("predictions.safetensors", "middle"),
    ("record.json", "cut"),
)


def damage(path, place):
    """Flip a bit at the start, the middle or the end of a file, cut it, or empty it."""
    content = bytearray(path.read_bytes())
    if place == "cut":
        del content[-2:]  # a line's end alone is no loss
    elif place == "empty":
        content.clear()
    else:
        content[{"start": 0, "middle": len(content) // 2, "end": -1}[place]] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        *_OFTEN,
        *(
            pytest.param(file, place, marks=pytest.mark.slow)
            for file in (*(f"{name}.safetensors" for name in _FILES), "record.json")
            for place in ("start", "middle", "end", "cut", "empty")
            if (file, place) not in _OFTEN
        ),
    ],
)
def test_a_damaged_file_is_named_on_stderr_and_in_run_json_and_its_cell_done_again(
    merbench, copied, tiny_run, file, place
):
    before = folders(copied)
    cell = next((copied / "cells").glob("logreg-1-*"))
    damage(cell / file, place)
    said = merbench("run", merbench.suite(), "--out", copied, "--jobs", 1, "--quiet")
    assert said.code == 0
    text = f"cells/{cell.name}/{file} was damaged or missing"
    assert f"done again: {text}\n" in said.err
    assert json.loads((copied / "run.json").read_text("utf-8"))["damaged"] == [text]
    assert written(before, folders(copied)) == ["logreg"]
    assert table_bytes(copied) == table_bytes(tiny_run)
    # It stays in the record of the run, and is not told again.
    again = merbench("run", merbench.suite(), "--out", copied, "--jobs", 1, "--quiet")
    assert "damaged" not in again.err
    assert json.loads((copied / "run.json").read_text("utf-8"))["damaged"] == [text]


def test_a_damaged_stage_is_named_where_a_cell_needs_it(merbench, copied, tiny_run):
    stage = next((copied / "stages").iterdir())
    damage(stage / "weights.safetensors", "middle")
    for cell in (copied / "cells").glob("mmin-*"):
        damage(cell / "weights.safetensors", "end")
    said = merbench("run", merbench.suite(), "--out", copied, "--jobs", 1, "--quiet")
    assert said.code == 0
    assert f"done again: stages/{stage.name}/weights.safetensors was damaged" in said.err
    assert said.err.count("done again: cells/mmin-") == 2
    assert table_bytes(copied) == table_bytes(tiny_run)


def test_a_cell_of_other_code_or_settings_is_not_called_damaged(merbench, copied):
    suite = merbench.suite(training={**TINY["training"], "epochs": 2})
    said = merbench("run", suite, "--out", copied, "--jobs", 1, "--methods", "zero_fill", "--quiet")
    assert said.code == 0
    assert "done again" not in said.err


@pytest.mark.parametrize("place", ["start", "cut", "empty"])
def test_a_damaged_run_json_is_written_anew_from_the_cells(merbench, copied, tiny_run, place):
    before = folders(copied)
    damage(copied / "run.json", place)
    assert merbench("run", merbench.suite(), "--out", copied, "--jobs", 1, "--quiet").code == 0
    assert folders(copied) == before
    assert table_bytes(copied) == table_bytes(tiny_run)
