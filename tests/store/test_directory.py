"""Run directories from outside."""

import json
import os

import pytest

from merbench.errors import ConfigError
from merbench.store.directory import (
    alone,
    at_work,
    discard,
    read_run,
    refuse_strangers,
    remove,
)
from merbench.store.runs import find_runs, run_facts
from tests.conftest import names

RECORD = {
    "suite": {"name": "tiny"},
    "corpus": {"name": "synthetic", "fingerprint": "f" * 64},
    "status": "complete",
    "folders": ["a", "b"],
}


def make_run(path, **changes):
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({**RECORD, **changes}), "utf-8")
    for name in ("a", "b"):
        (path / "cells" / name).mkdir(parents=True)
    (path / "cells" / "a" / "record.json").write_text("{}")
    (path / "results.parquet").write_bytes(b"x" * 1000)
    return path


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"suite": 1}', '{"suite": {"name": "x"}}'])
def test_json_of_something_else_is_no_run(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    assert read_run(tmp_path) is None
    with pytest.raises(ConfigError, match=r"not a run \(it holds run\.json\)"):
        refuse_strangers(tmp_path)


def test_a_directory_with_other_things_is_refused_and_left_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    (tmp_path / "report").mkdir()
    with pytest.raises(ConfigError, match=r"it holds report, thesis\.tex"):
        refuse_strangers(tmp_path)
    assert names(tmp_path) == ["report", "thesis.tex"]


def test_a_missing_an_empty_and_a_killed_run_s_directory_will_do(tmp_path):
    refuse_strangers(tmp_path / "none")
    refuse_strangers(tmp_path)
    (tmp_path / ".lock").touch()
    (tmp_path / ".writing-0").touch()
    refuse_strangers(tmp_path)


def test_a_run_that_lost_its_run_json_is_taken_up(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "run.json").unlink()
    refuse_strangers(run)


def test_discarding_keeps_what_the_run_did_not_write(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "mine.parquet").write_text("x")
    (run / "notes.txt").write_text("x")
    discard(run)
    assert names(run) == ["mine.parquet", "notes.txt"]


def test_removing_takes_the_directory_where_nothing_else_is_in_it(tmp_path):
    assert remove(make_run(tmp_path / "run")) == ()
    assert not (tmp_path / "run").exists()
    kept = make_run(tmp_path / "kept")
    (kept / "notes.txt").write_text("x")
    assert remove(kept) == ("notes.txt",)
    assert names(kept) == ["notes.txt"]


def test_one_run_at_a_time_in_a_directory(tmp_path):
    run = make_run(tmp_path / "run")
    assert not at_work(run)
    with alone(run):
        assert at_work(run)
        with pytest.raises(ConfigError, match="another run is at work"), alone(run):
            pass
        with pytest.raises(ConfigError, match="another run is at work"):
            remove(run)
    assert not at_work(run)
    assert (run / "run.json").exists()


def test_a_place_that_cannot_be_a_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write there"), alone(tmp_path / "file" / "run"):
        pass
    with pytest.raises(ConfigError, match="cannot write there"), alone(tmp_path / "file"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(ConfigError, match="Permission denied"), alone(tmp_path / "run"):
        pass


def test_facts_count_the_suite_s_cells_that_are_there_and_the_bytes(tmp_path):
    facts = run_facts(make_run(tmp_path / "run"))
    assert (facts.name, facts.suite, facts.done, facts.total) == ("run", "tiny", 1, 2)
    assert facts.size == 1000 + len("{}") + len(json.dumps(RECORD))
    assert 0 <= facts.age < 60


def test_a_run_that_says_running_is_believed_only_while_it_is(tmp_path):
    run = make_run(tmp_path / "run", status="running")
    assert run_facts(run).status == "interrupted"
    with alone(run):
        assert run_facts(run).status == "running"


def test_runs_are_found_latest_first_and_other_folders_are_not_runs(tmp_path):
    old, new = make_run(tmp_path / "a_old"), make_run(tmp_path / "b_new")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for path in (old / "run.json", old / "cells"):
        os.utime(path, (1e9, 1e9))
    assert [run.name for run in find_runs(tmp_path)] == ["b_new", "a_old"]
    assert new.name == find_runs(tmp_path)[0].name
    assert find_runs(tmp_path / "none") == ()
