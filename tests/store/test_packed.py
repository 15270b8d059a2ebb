"""Folders of a store on their way between machines."""

from dataclasses import replace

import numpy as np
import pytest

from merbench.errors import CellError
from merbench.store.packed import pack, unpack
from merbench.store.store import Store


@pytest.fixture
def packed(tmp_path):
    store = Store(tmp_path / "there")
    store.write_stage("key", {"stage": "fusion"}, {"partial/w": np.arange(5.0)})
    return pack(store.stages / "key", "key")


def test_what_arrives_is_what_was_sent(packed, tmp_path):
    store = Store(tmp_path / "here")
    unpack(packed, store.stages)
    assert store.stage_record("key")["stage"] == "fusion"
    np.testing.assert_array_equal(store.stage_weights("key")["partial/w"], np.arange(5.0))


@pytest.mark.parametrize("damage", ["flipped", "lacking", "another key"])
def test_what_was_damaged_on_its_way_does_not_arrive(packed, tmp_path, damage):
    files = dict(packed.files)
    name = next(name for name in files if name != "record.json")
    if damage == "flipped":
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
    elif damage == "lacking":
        del files[name]
    key = "other" if damage == "another key" else "key"
    store = Store(tmp_path / "here")
    with pytest.raises(CellError, match="damaged on its way"):
        unpack(replace(packed, files=files, key=key), store.stages)
    assert list(store.stages.iterdir()) == []
