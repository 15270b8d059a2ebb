"""The log of a run."""

import logging

from merbench.store.log import logged
from tests.conftest import names

_log = logging.getLogger("merbench.test")


def test_what_is_said_while_the_block_lasts_is_in_the_log_and_nothing_after(tmp_path):
    with logged(tmp_path / "log"):
        _log.info("first")
        logging.getLogger("someone.else").warning("not ours")
    _log.warning("late")
    with logged(tmp_path / "log"):
        _log.error("second")
    text = (tmp_path / "log" / "run.log").read_text("utf-8")
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == ["INFO first", "ERROR second"]


def test_the_log_does_not_grow_without_end(tmp_path):
    with logged(tmp_path / "log"):
        for n in range(9000):
            _log.info("%d %s", n, "x" * 1000)
    files = names(tmp_path / "log")
    assert files == ["run.log", *(f"run.log.{n}" for n in range(1, 5))]
    assert sum((tmp_path / "log" / name).stat().st_size for name in files) <= 5 * 2**20
    assert "8999 x" in (tmp_path / "log" / "run.log").read_text("utf-8")


def test_a_folder_that_cannot_be_there_stops_no_one(tmp_path, capsys):
    (tmp_path / "log").write_text("a file", "utf-8")
    with logged(tmp_path / "log"):
        _log.info("unheard")
    assert (tmp_path / "log").read_text("utf-8") == "a file"
    assert capsys.readouterr() == ("", "")


def test_a_run_logs_what_was_done_and_a_fresh_one_begins_anew(merbench, tmp_path):
    run, suite = tmp_path / "run", merbench.suite(methods=["logreg"])
    merbench.run(suite, run)
    log = run / "log" / "run.log"
    first = log.read_text("utf-8").splitlines()
    assert "INFO tiny on synthetic: 0 stages and 2 cells to do, 0 cells are there" in first[0]
    assert [line.rsplit(" s", 1)[1] for line in first[1:3]] == ["", ""]
    assert first[3].endswith("INFO complete: 2 of 2 cells are there")
    merbench.run(suite, run)
    assert len(log.read_text("utf-8").splitlines()) == len(first) + 2
    merbench.run(suite, run, "--fresh", "--yes")
    assert len(log.read_text("utf-8").splitlines()) == len(first)
