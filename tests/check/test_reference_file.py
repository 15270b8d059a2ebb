import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from merbench.check.reference_file import load_reference, save_reference
from merbench.errors import ConfigError, IncompleteError
from tests.check.worlds import reference, run


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return reference(tmp_path_factory.mktemp("runs"), "base", seeds_of={"nmer": (0, 2)})


@pytest.fixture
def saved(base, tmp_path):
    path = tmp_path / "base.json"
    save_reference(base, path)
    return path


@pytest.mark.parametrize("name", ["base.json", "base.json.gz", "deep/base.json"])
def test_a_reference_comes_back_as_it_was(base, tmp_path, name):
    save_reference(base, tmp_path / name)
    again = load_reference(tmp_path / name)
    same = {"conditions": (), "seeds_of": {}}  # NaN is not equal to itself; seeds are seen below
    assert replace(again.header, **same) == replace(base.header, **same)
    assert [repr(c) for c in again.header.conditions] == [repr(c) for c in base.header.conditions]
    np.testing.assert_array_equal(again.counts, base.counts)
    for field in ("cluster", "fold", "sizes"):
        np.testing.assert_array_equal(getattr(again.units, field), getattr(base.units, field))
    assert again.protocol == base.protocol
    assert [again.seeds(m) for m in ("zero_fill", "nmer")] == [(0, 1, 2), (0, 2)]


def test_equal_references_are_equal_bytes(base, tmp_path):
    for name in ("a.json.gz", "b.json.gz"):
        save_reference(base, tmp_path / name)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_a_changed_count_changes_one_line(base, saved, tmp_path):
    counts = base.counts.copy()
    counts[0, 0, 0, 0, 0] = np.roll(counts[0, 0, 0, 0, 0], 1)

    save_reference(replace(base, counts=counts), tmp_path / "other.json")
    before, after = (
        saved.read_text().splitlines(),
        (tmp_path / "other.json").read_text().splitlines(),
    )
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_there_is_one_line_for_each_method_seed_and_condition(base, saved):
    lines = [line for line in saved.read_text().splitlines() if '"counts"' in line]
    assert len(lines) == (3 + 2) * len(base.header.conditions)


def test_a_run_is_a_reference_too(tmp_path):
    directory = run(tmp_path, "run")
    assert load_reference(directory).header.methods == ("zero_fill", "nmer")


def broken(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def drop(content):
    del content["lines"][3]


def drop_all(content):
    content["lines"] = []


def no_methods(content):
    content["methods"] = {}


def twice(content):
    content["lines"][3] = content["lines"][2]


def stranger(content):
    content["lines"][3]["method"] = "other"


def short(content):
    content["lines"][3]["counts"][0].pop()


def unit(content):
    content["lines"][3]["counts"].pop()


def moved(content):
    row = content["lines"][3]["counts"][0]
    row[0], row[4] = row[0] + 1, row[4] - 1


def more(content):
    content["lines"][3]["counts"][0][0] += 1


def negative(content):
    content["lines"][3]["counts"][0][0] = -1


def huge(content):
    content["lines"][3]["counts"][0][0] = 2**80


def extra(content):
    content["surprise"] = 1


def newer(content):
    content["format"] = "merbench reference 2"


def many(content):
    content["conditions"] *= 2


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (drop, IncompleteError, "expected 90 lines"),
        (drop_all, IncompleteError, "found 0"),
        (no_methods, IncompleteError, "expected 0 lines"),
        (many, IncompleteError, "one for each method, seed and condition"),
        (twice, ConfigError, "there twice"),
        (stranger, ConfigError, "line 3 .other, seed 0, 3.: not in the header"),
        (short, ConfigError, "expected 10 x 16 counts"),
        (unit, ConfigError, "expected 10 x 16 counts"),
        (moved, ConfigError, "not those of the utterances"),
        (more, ConfigError, "not those of the utterances"),
        (negative, ConfigError, r"lines.3.counts.0.0"),
        (huge, ConfigError, r"lines.3.counts.0.0"),
        (extra, ConfigError, "unknown key 'surprise'"),
        (newer, ConfigError, "this version reads 'merbench reference 1'"),
    ],
)
def test_a_broken_reference_says_where(saved, change, error, says):
    broken(saved, change)
    with pytest.raises(error, match=says) as caught:
        load_reference(saved)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x1f\x8b\x08", b"\xff\xfe", b"[" * 10**5])
def test_what_is_no_reference_is_refused(tmp_path, content):
    path = tmp_path / "what.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"what\.json: "):
        load_reference(path)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("merbench.check.reference_file.LARGEST", 10_000)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 20_000))
    with pytest.raises(ConfigError, match="not a reference"):
        load_reference(path)


def test_no_reference_says_what_was_expected(tmp_path):
    with pytest.raises(ConfigError, match="no such reference; expected a file that merbench check"):
        load_reference(tmp_path / "none.json")


def test_a_reference_that_cannot_be_written_leaves_the_old_one(base, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_reference(base, tmp_path / "file" / "base.json")


def test_a_run_without_a_protocol_says_how_to_get_one(tmp_path):
    directory = run(tmp_path, "old")
    record = json.loads((directory / "run.json").read_text())
    del record["protocol"]
    (directory / "run.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="the same merbench run again"):
        load_reference(directory)


def test_a_run_with_holes_is_no_reference(tmp_path):
    with pytest.raises(IncompleteError, match=r"nmer, fold 1, seed 0"):
        load_reference(run(tmp_path, "holes", lacking=[("nmer", "1", 0)]))
