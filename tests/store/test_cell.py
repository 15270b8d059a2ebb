"""Cells that are written while they are evaluated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from merbench.store.cell import CellOutline
from merbench.store.store import PREDICTIONS, Store
from merbench.store.tensor_file import TensorFile, TensorShape

KEY = "a" * 64
CONDITIONS, CLASSES = 7, 3
OUTLINE = CellOutline(
    "m", "1", 3, np.arange(5, dtype=np.int32), np.array([0, 1, 2, 1, 1], np.int16), CONDITIONS, 3
)


def answers() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "predictions": rng.integers(0, CLASSES, (CONDITIONS, 5)).astype(np.int16),
        "probabilities": rng.random((CONDITIONS, 5, CLASSES)).astype(np.float16),
    }


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "run")


def fill(cell, blocks) -> None:
    for numbers in blocks:
        rows = np.array(numbers)
        cell.add(rows, answers()["predictions"][rows], answers()["probabilities"][rows])


@pytest.mark.parametrize(
    "blocks", [[range(CONDITIONS)], [[4], [0, 1, 6], [3, 2], [5]], [[k] for k in range(CONDITIONS)]]
)
def test_blocks_in_any_order_give_the_file_that_the_whole_arrays_give(store, blocks) -> None:
    with store.new_cell("cell", KEY, OUTLINE) as cell:
        fill(cell, blocks)
        cell.finish({"notes": []}, {})
    expected = {**answers(), "utterances": OUTLINE.utterances, "labels": OUTLINE.labels}
    arrays = load_file(store.cells / "cell" / PREDICTIONS)
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    record = store.cell_record("cell", KEY)
    assert (record["method"], record["fold"], record["seed"]) == ("m", "1", 3)


def test_a_cell_is_not_there_before_it_is_finished(store) -> None:
    with store.new_cell("cell", KEY, OUTLINE) as cell:
        fill(cell, [range(CONDITIONS)])
        assert not (store.cells / "cell").exists()
        cell.finish({}, {})
    assert store.cell_record("cell", KEY) is not None


def test_an_interrupted_cell_leaves_nothing(store) -> None:
    with pytest.raises(KeyboardInterrupt), store.new_cell("cell", KEY, OUTLINE) as cell:
        fill(cell, [[0, 1]])
        raise KeyboardInterrupt
    assert list(store.cells.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from merbench.store.store import Store
from tests.store.test_cell import KEY, OUTLINE, fill
with Store(Path(sys.argv[1])).new_cell("cell", KEY, OUTLINE) as cell:
    fill(cell, [[0, 1]])
    os._exit(9)
"""


def test_a_killed_writer_leaves_a_draft_that_is_no_cell_and_goes(store) -> None:
    command = [sys.executable, "-c", KILLED, str(store.root)]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 9
    assert len(list(store.cells.iterdir())) == 1
    assert store.cell_record("cell", KEY) is None
    store.clean()
    assert list(store.cells.iterdir()) == []


def test_an_interrupted_cell_does_not_touch_the_one_it_was_to_replace(store) -> None:
    with store.new_cell("cell", KEY, OUTLINE) as cell:
        fill(cell, [range(CONDITIONS)])
        cell.finish({}, {})
    with pytest.raises(ZeroDivisionError), store.new_cell("cell", KEY, OUTLINE):
        raise ZeroDivisionError
    assert store.cell_record("cell", KEY) is not None


def test_a_cell_that_lacks_a_condition_is_refused(store) -> None:
    with (
        pytest.raises(ValueError, match="predictions: row 4 was never written"),
        store.new_cell("cell", KEY, OUTLINE) as cell,
    ):
        fill(cell, [[0, 1, 2, 3, 5, 6]])
        cell.finish({}, {})
    assert list(store.cells.iterdir()) == []


def test_a_cell_must_be_finished(store) -> None:
    with (
        pytest.raises(ValueError, match="never finished"),
        store.new_cell("cell", KEY, OUTLINE) as cell,
    ):
        fill(cell, [range(CONDITIONS)])
    assert list(store.cells.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "values", "why"),
    [
        ([0], np.zeros((1, 2), np.int32), "found int32"),
        ([0], np.zeros((1, 3), np.int16), r"expected int16 \(1, 2\)"),
        ([0, 1], np.zeros((1, 2), np.int16), r"expected int16 \(2, 2\)"),
        ([4], np.zeros((1, 2), np.int16), "outside 0..3"),
        ([-1], np.zeros((1, 2), np.int16), "outside 0..3"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, rows, values, why) -> None:
    with (
        TensorFile(tmp_path / "x", {"t": TensorShape(np.int16, (4, 2))}) as file,
        pytest.raises(ValueError, match=why),
    ):
        file.write("t", rows, values)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0,)])
def test_empty_tensors_are_readable(tmp_path, shape) -> None:
    with TensorFile(tmp_path / "x", {"t": TensorShape(np.float16, shape)}) as file:
        file.write("t", np.arange(shape[0]), np.zeros(shape, np.float16))
        file.check_complete()
    assert load_file(tmp_path / "x")["t"].shape == shape


def test_data_start_at_a_multiple_of_eight_and_fill_the_file(tmp_path) -> None:
    tensors = {"odd": TensorShape(np.int16, (3,)), "wide": TensorShape(np.int32, (2,))}
    TensorFile(tmp_path / "x", tensors).close()
    content = (tmp_path / "x").read_bytes()
    length = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert entries["wide"]["data_offsets"] == [0, 8]
    assert entries["odd"]["data_offsets"] == [8, 14]
    assert len(content) == 8 + length + 14
