"""Folders that appear whole or not at all."""

import json

import pytest

from merbench.store.folders import (
    RECORD,
    new_folder,
    read_record,
    remove_drafts,
    write_record,
    write_text,
)


@pytest.fixture
def folder(tmp_path):
    with new_folder(tmp_path / "cell") as draft:
        (draft / "data.bin").write_bytes(bytes(range(256)))
        write_record(draft, {"key": "k", "seconds": {"train": 0.1}, "nothing": float("nan")})
    return tmp_path / "cell"


def test_a_record_comes_back_as_it_was_written(folder):
    record = read_record(folder)
    assert record["key"] == "k"
    assert record["seconds"] == {"train": 0.1}


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "cell") as draft:
        (draft / "data.bin").write_bytes(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_there_before_its_block_ends(tmp_path):
    with new_folder(tmp_path / "cell") as draft:
        (draft / "data.bin").write_bytes(b"half")
        assert not (tmp_path / "cell").exists()
    assert (tmp_path / "cell" / "data.bin").read_bytes() == b"half"


def test_a_folder_written_again_holds_the_new_files_only(folder):
    with new_folder(folder) as draft:
        (draft / "other.bin").write_bytes(b"new")
        write_record(draft, {"key": "k2"})
    assert sorted(p.name for p in folder.iterdir()) == ["other.bin", RECORD]
    assert read_record(folder)["key"] == "k2"


@pytest.mark.parametrize("name", ["data.bin", RECORD])
@pytest.mark.parametrize("place", [0, 40, 100])
def test_one_flipped_bit_anywhere_is_noticed(folder, name, place):
    content = bytearray((folder / name).read_bytes())
    content[place] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert read_record(folder) is None


@pytest.mark.parametrize("name", ["data.bin", RECORD])
def test_a_truncated_or_missing_file_is_noticed(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-10])
    assert read_record(folder) is None
    (folder / name).unlink()
    assert read_record(folder) is None


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"files": [], "checksum": ""}', "\xff"])
def test_json_that_is_no_record_is_no_record(folder, text):
    (folder / RECORD).write_text(text, "latin-1")
    assert read_record(folder) is None


def test_a_record_whose_figures_were_edited_is_no_record(folder):
    record = json.loads((folder / RECORD).read_text("utf-8"))
    record["seconds"]["train"] = 0.2
    (folder / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True), "utf-8")
    assert read_record(folder) is None


def test_drafts_of_every_kind_go_and_all_else_stays(tmp_path):
    (tmp_path / ".writing-abc").mkdir()
    (tmp_path / ".writing-abc" / "x").write_text("x")
    (tmp_path / ".writing-def").write_text("half a run.json")
    (tmp_path / ".results.parquet.part").write_text("half a table")
    (tmp_path / "notes.part").write_text("a user's")
    (tmp_path / ".lock").write_text("")
    remove_drafts(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "notes.part"]


def test_text_is_replaced_at_once(tmp_path):
    write_text(tmp_path / "run.json", "one")
    write_text(tmp_path / "run.json", "two")
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "two"
