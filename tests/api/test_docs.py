"""docs/api.md: its blocks run in turn, print what they say, and its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import merbench

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n")


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> str:
    """What the program prints that the blocks make, one after the other."""
    folder = tmp_path_factory.mktemp("page")
    program = []
    for language, text in BLOCKS:
        if language == "python" and (named := FILE.match(text)):
            (folder / named[1]).write_text(text, "utf-8")
        elif language == "python":
            program.append(text)
    (folder / "program.py").write_text("\n".join(program), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_the_blocks_run_and_print_what_the_page_says(printed):
    said = [text for language, text in BLOCKS if language == "text"]
    assert len(said) == 2
    for text in said:
        assert text in printed


def test_every_name_of_the_interface_is_in_the_table():
    table = PAGE[PAGE.index("| for | names |") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(merbench._PLACES)


@pytest.mark.parametrize("name", ["results", "cells", "curves", "predictions"])
def test_every_column_is_explained(tiny_run, name):
    found = getattr(merbench.Run(tiny_run), name)
    columns = found.schema.names if name == "predictions" else found.columns
    for column in columns:
        assert f"`{column}`" in PAGE or column.startswith("p_"), column


def test_every_argument_of_a_run_is_explained():
    parameters = set(merbench.run.__kwdefaults__)
    table = PAGE[PAGE.index("| argument | what it is |") :].partition("\n\n")[0]
    first = "".join(row.split("|")[1] for row in table.splitlines())
    assert set(re.findall(r"`(\w+)`", first)) == parameters
