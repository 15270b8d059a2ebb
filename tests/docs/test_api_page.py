"""docs/api.md: its blocks run in turn, print what they say, and its tables are complete."""

from __future__ import annotations

import re

import pytest

import merbench
from tests.docs.blocks import blocks_of, page

PAGE = page("api.md")


@pytest.mark.slow
def test_the_blocks_run_and_print_what_the_page_says(walk_in_full):
    assert [block.language for block in blocks_of("api.md")].count("text") == 2
    walk_in_full.along("api.md")


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
