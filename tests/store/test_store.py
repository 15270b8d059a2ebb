"""Cells and stages on disk."""

import numpy as np
import pytest

from merbench.results.tables import CellPredictions
from merbench.store.store import PREDICTIONS, WEIGHTS, Store

KEY = "a" * 64


def predictions(probabilities=True):
    rng = np.random.default_rng(0)
    return CellPredictions(
        method="m",
        fold="1",
        seed=3,
        utterances=np.arange(5, dtype=np.int32),
        labels=np.array([0, 1, 0, 1, 1], np.int16),
        predictions=rng.integers(0, 2, (4, 5)).astype(np.int16),
        probabilities=rng.random((4, 5, 2)).astype(np.float16) if probabilities else None,
    )


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "run")
    weights = {"w": np.arange(12, dtype=np.float32).reshape(3, 4).T}  # not contiguous
    found.write_cell("cell", KEY, {"notes": []}, weights, predictions())
    found.write_stage(KEY, {"seconds": 1.0}, {"partial/w": np.ones(3, np.float32)})
    return found


def test_a_cell_comes_back_as_it_was_written(store):
    record = store.cell_record("cell", KEY)
    assert (record["method"], record["fold"], record["seed"]) == ("m", "1", 3)
    found, written = store.cell_predictions("cell", record), predictions()
    for name in ("utterances", "labels", "predictions", "probabilities"):
        np.testing.assert_array_equal(getattr(found, name), getattr(written, name))
        assert getattr(found, name).dtype == getattr(written, name).dtype
    expected = np.arange(12, dtype=np.float32).reshape(3, 4).T
    np.testing.assert_array_equal(store.cell_weights("cell")["w"], expected)


def test_a_cell_without_probabilities_has_none_when_read(store):
    store.write_cell("plain", KEY, {}, {}, predictions(probabilities=False))
    record = store.cell_record("plain", KEY)
    assert store.cell_predictions("plain", record).probabilities is None


def test_a_stage_comes_back_as_it_was_written(store):
    assert store.stage_record(KEY)["seconds"] == 1.0
    np.testing.assert_array_equal(store.stage_weights(KEY)["partial/w"], np.ones(3, np.float32))


def test_equal_content_gives_equal_files(store, tmp_path):
    other = Store(tmp_path / "other")
    weights = {"w": np.arange(12, dtype=np.float32).reshape(3, 4).T}
    other.write_cell("cell", KEY, {"notes": []}, weights, predictions())
    for file in (store.cells / "cell").iterdir():
        assert file.read_bytes() == (other.cells / "cell" / file.name).read_bytes()


def test_a_folder_of_the_same_name_with_another_key_does_not_count(store):
    assert store.cell_record("cell", "a" * 63 + "b") is None
    assert store.cell_record("no such cell", KEY) is None
    assert store.stage_record("b" * 64) is None


@pytest.mark.parametrize("name", [WEIGHTS, PREDICTIONS])
def test_a_damaged_file_makes_the_cell_not_there(store, name):
    path = store.cells / "cell" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    path.write_bytes(bytes(content))
    assert store.cell_record("cell", KEY) is None


def test_cleaning_a_run_that_is_not_there_is_no_error(tmp_path):
    Store(tmp_path / "none").clean()
