"""The command line as a whole, and the commands that look things up."""

import io
import json
import os
import re
import shutil
import subprocess
import sys

import click
import pytest

from merbench.cli import _COMMANDS, cli
from merbench.results.metrics import METRICS
from tests.conftest import names

WITHOUT_TORCH = """
import sys
from merbench.cli import call
code = call(sys.argv[1:])
assert "torch" not in sys.modules, "torch was imported"
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list", "metrics"],
        ["list", "--help"],
        ["runs"],
    ],
)
def test_what_needs_no_torch_does_not_import_it(arguments, tmp_path):
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments],
        check=True, cwd=tmp_path, capture_output=True,
    )  # fmt: skip


def test_help_lists_every_command(merbench):
    said = merbench("--help")
    assert said.code == 0
    listed = re.findall(r"^  (\w+)  +\S", said.out.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(_COMMANDS)


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_command_has_help(merbench, command):
    said = merbench(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: merbench {command}")


def helps(command, arguments=()):
    """Yield the arguments that ask for each help there is, subcommands included."""
    yield (*arguments, "--help")
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from helps(command.get_command(context, name), (*arguments, name))


@pytest.mark.parametrize("arguments", [*helps(cli)], ids=" ".join)
def test_no_help_shows_a_backslash(merbench, arguments):
    said = merbench(*arguments)
    assert said.code == 0
    assert said.out.startswith("Usage: merbench")
    assert "\\" not in said.out


def test_no_command_shows_help_and_a_wrong_one_its_neighbour(merbench):
    assert "Commands:" in "".join((merbench().out, merbench().err))
    said = merbench("lsit")
    assert said.code == 2
    assert "did you mean 'list'" in said.err


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("methods", {"zero_fill", "mmin", "if_mmin", "nmer"}),
        ("noises", {"gaussian", "burst", "token_swap"}),
        ("readers", {"synthetic", "table", "mmin"}),
        ("suites", {"quick", "full_grid"}),
        ("metrics", {"wa", "ua", "f1", "ece", "nll"}),
    ],
)
def test_lists_have_one_line_each_and_say_the_same_as_json(merbench, kind, some):
    items = json.loads(merbench("list", kind, "--json").out)
    assert some <= {item["name"] for item in items}
    lines = merbench("list", kind).out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [item["name"], item["summary"]] for item in items
    ]
    assert all(item["summary"] and "\n" not in item["summary"] for item in items)


def test_the_list_of_metrics_says_which_way_is_better(merbench):
    for line in merbench("list", "metrics").out.splitlines():
        assert ("lower is better" in line) != METRICS[line.split()[0]].higher_is_better


def test_an_unknown_list_is_named_with_the_nearest(merbench):
    said = merbench("list", "metods")
    assert (said.code, said.out) == (2, "")
    assert "did you mean 'methods'" in said.err
    assert merbench("list").code == 2


@pytest.fixture
def two_runs(tiny_run, merbench):
    """`runs/` with two runs and a folder that is none."""
    runs = merbench.folder / "runs"
    for name in ("one", "two"):
        shutil.copytree(tiny_run, runs / name)
    os.utime(runs / "one" / "run.json", (1e9, 1e9))
    os.utime(runs / "one" / "cells", (1e9, 1e9))
    (runs / "figures").mkdir()
    (runs / "figures" / "a.png").write_text("x")
    return runs


def test_runs_are_listed_the_latest_first(merbench, two_runs):
    lines = [line.split() for line in merbench("runs").out.splitlines()]
    assert lines[0] == ["run", "suite", "cells", "status", "size", "age"]
    assert [line[:4] for line in lines[1:]] == [
        ["two", "tiny", "6/6", "complete"],
        ["one", "tiny", "6/6", "complete"],
    ]
    assert lines[2][-1] == "d"
    found = json.loads(merbench("runs", "--json").out)
    assert [(r["name"], r["done"], r["total"]) for r in found] == [("two", 6, 6), ("one", 6, 6)]
    size = sum(p.stat().st_size for p in (two_runs / "two").rglob("*") if p.is_file())
    assert found[0]["size"] == size


def test_no_runs_is_no_error(merbench):
    said = merbench("runs", "--root", merbench.folder / "none")
    assert (said.code, said.out) == (0, "")
    assert "no run under" in said.err
    assert json.loads(merbench("runs", "--json").out) == []


def test_a_run_that_lacks_cells_says_how_many(merbench, two_runs):
    for cell in (two_runs / "two" / "cells").glob("mmin-*"):
        shutil.rmtree(cell)
    assert "4/6" in merbench("runs").out


def test_runs_are_removed_by_name(merbench, two_runs):
    said = merbench("runs", "rm", "one", "--yes")
    assert said.code == 0
    assert names(two_runs) == ["figures", "two"]


def test_removing_asks(merbench, two_runs, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = merbench("runs", "rm", "one", "two")
    assert said.code == 2
    assert "Remove one (" in said.err
    assert "nothing was discarded" in said.err
    assert names(two_runs) == ["figures", "one", "two"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("figures", "not a run"),
        ("onne", "no such run; did you mean 'one'"),
        ("../runs", "not a run"),
        (".", "not a run"),
    ],
)
def test_what_is_not_a_run_is_not_removed_and_neither_is_the_rest(merbench, two_runs, name, words):
    said = merbench("runs", "rm", "two", name, "--yes")
    assert said.code == 2
    assert words in said.err
    assert names(two_runs) == ["figures", "one", "two"]


def test_a_link_is_not_followed(merbench, two_runs, tmp_path):
    shutil.move(two_runs / "one", tmp_path / "elsewhere")
    (two_runs / "one").symlink_to(tmp_path / "elsewhere")
    said = merbench("runs", "rm", "one", "--yes")
    assert said.code == 2
    assert "a link" in said.err
    assert (tmp_path / "elsewhere" / "run.json").exists()


def test_what_the_user_put_beside_a_run_s_files_is_kept(merbench, two_runs):
    (two_runs / "one" / "notes.txt").write_text("x")
    said = merbench("runs", "rm", "one", "--yes")
    assert said.code == 0
    assert "kept notes.txt" in said.err
    assert names(two_runs / "one") == ["notes.txt"]
