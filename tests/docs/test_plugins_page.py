"""docs/plugins.md: its plug-ins run, pass their tests, and its errors are those there are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.conftest import TINY
from tests.docs.blocks import blocks_of, page
from tests.plugins.broken import CASES

PAGE = page("plugins.md")
FILES = {block.file: block.text for block in blocks_of("plugins.md") if block.file}
ELSEWHERE = ("names a file",)  # tested with import paths


@pytest.fixture
def project(tmp_path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def merbench(folder: Path, *arguments: str) -> str:
    ended = python(folder, "-c", "from merbench.cli import main; main()", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_plugins_of_the_page_run_in_a_suite_together(project):
    suite = {
        **TINY,
        "methods": ["logreg", "forest:Forest", "averages:Averages"],
        "grid": {"noise": [{"type": "stutter:Stutter", "severities": [0.5], "on": "present"}]},
        "metrics": ["ua", "kappa:KAPPA"],
    }
    (project / "suite.yaml").write_text(json.dumps(suite), "utf-8")
    out = merbench(project, "run", "suite.yaml", "--out", "run", "--jobs", "1", "--quiet")
    assert "kappa, " in out
    results = pd.read_parquet(project / "run" / "results.parquet")
    assert set(results["method"]) == {"logreg", "Forest", "Averages"}
    assert set(results["noise"]) == {"none", "Stutter"}
    assert results["kappa:KAPPA"].between(-1, 1).all()


@pytest.mark.slow
def test_the_plugins_of_the_page_pass_the_tests_of_the_page(project):
    ended = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert ended.returncode == 0, ended.stdout[-3000:]


@pytest.mark.slow
def test_the_reader_of_the_page_reads_by_its_import_path(project):
    write = (
        "from test_conformance import TestMatrix; from pathlib import Path; "
        "Path('corpus').mkdir(); TestMatrix().write(Path('corpus'))"
    )
    assert python(project, "-c", write).returncode == 0
    assert "voice" in merbench(project, "data", "describe", "matrix:MatrixReader:corpus")


def test_the_entries_of_the_page_are_those_of_suites_and_packages():
    blocks = [block.text for block in blocks_of("plugins.md") if block.language == "yaml"]
    fields = [set(YAML(typ="safe").load(text)) for text in blocks]
    assert fields == [{"methods", "grid", "metrics"}]


def test_every_error_of_the_page_is_said_and_every_one_that_is_said_is_there():
    table = PAGE[PAGE.index("| the message says |") :]
    rows = re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
    said = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    said = [f"`{text}`" if text in ("summary", "family") else text for text in said]
    known = [case.says.replace("no noise;", "no method;") for case in CASES.values()]
    for text in said:
        assert text in ELSEWHERE or any(text in case for case in known), text
    for case in known:
        assert any(text in case for text in said if text != "has no"), case
