"""`import merbench`: quick, complete, and the same names for people and type checkers."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import merbench

LAZY = merbench._PLACES


def python(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", sorted(LAZY))
def test_a_name_is_the_thing_of_its_module(name):
    found = getattr(merbench, name)
    assert found is getattr(importlib.import_module(LAZY[name]), name)
    assert found.__doc__
    assert name in dir(merbench)


def test_type_checkers_see_the_same_names_in_the_same_modules():
    tree = ast.parse(Path(merbench.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.asname: statement.module for statement in block.body for alias in statement.names}
    assert told == LAZY


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="has no attribute 'rnu'"):
        merbench.rnu  # noqa: B018


def test_importing_merbench_imports_nothing_large():
    loaded = python("import merbench, sys; print(*sys.modules)").split()
    large = {"torch", "numpy", "pandas", "pyarrow", "pydantic", "rich", "matplotlib", "click"}
    assert large.isdisjoint(loaded)


def test_reading_a_run_imports_neither_torch_nor_matplotlib(tiny_run):
    program = (
        "import merbench, sys\n"
        f"run = merbench.Run({str(tiny_run)!r})\n"
        "run.results, run.cells, run.curves, run.predictions.count_rows()\n"
        "run.tables(), repr(run)\n"
        "print(*sys.modules)"
    )
    assert {"torch", "matplotlib"}.isdisjoint(python(program).split())
