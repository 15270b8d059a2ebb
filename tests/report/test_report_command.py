import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from merbench.api.run import Run
from merbench.cli.report import report
from merbench.errors import ConfigError, IncompleteError


def invoke(*arguments):
    result = CliRunner().invoke(report, [str(a) for a in arguments], catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_prints_nothing_but_where_the_page_is(make_run):
    directory = make_run()
    result = invoke(directory)
    assert result.output == f"{directory / 'report' / 'index.html'}\n"
    assert Path(result.output.strip()).is_file()


def test_without_a_run_the_latest_is_reported(make_run, tmp_path, monkeypatch):
    older, newer = make_run("runs/older"), make_run("runs/newer")
    os.utime(older / "run.json", (2, 2))
    os.utime(newer / "run.json", (3, 3))
    monkeypatch.chdir(tmp_path)
    assert Run.latest().path == Path("runs/newer")
    os.utime(older / "run.json", (4, 4))
    assert invoke().output == "runs/older/report/index.html\n"


def test_without_any_run_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IncompleteError, match="no run under runs/"):
        invoke()


def test_a_file_is_no_place_for_a_report(make_run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is a file; expected a folder"):
        invoke(make_run(), "--out", tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_several_runs_need_a_place_of_their_own(make_run, tmp_path):
    runs = [make_run("one"), make_run("two")]
    with pytest.raises(ConfigError, match="say where with --out"):
        invoke(*runs)
    assert not list(tmp_path.rglob("index.html"))


def test_holes_need_partial(make_run):
    directory = make_run(lacking=[("zero_fill", "1", 0)])
    with pytest.raises(IncompleteError, match="fold 1, seed 0"):
        invoke(directory)
    assert invoke(directory, "--partial").exit_code == 0
