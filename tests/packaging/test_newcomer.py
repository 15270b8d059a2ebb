"""A newcomer's first minutes: the scripts under examples/, with the wheel that is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.packaging.environment import command

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def follow(installed, tmp_path):
    """Run a script in an empty folder, as in a shell whose environment is activated."""

    def run(script: str) -> str:
        path = f"{installed.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", str(EXAMPLES / script)],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run


def methods_of(run: Path) -> list[str]:
    return pd.read_parquet(run / "results.parquet")["method"].drop_duplicates().tolist()


@pytest.mark.slow
def test_a_first_method_is_audited_and_compared_after_three_lines(installed, tmp_path, follow):
    said = follow("first_method.sh")
    run = tmp_path / "runs" / "first_method"
    assert sorted(methods_of(run)) == ["Mine", "logreg", "zero_fill"]
    assert "Mine: no check fails" in said
    page = (run / "report" / "index.html").read_text("utf-8")
    assert ">Mine<" in page
    again = tmp_path / "again"
    assert command(installed, "new", "method", "mine", "--out", again).code == 0
    as_written = (again / "mine.py").read_text("utf-8").splitlines()
    edited = (tmp_path / "mine.py").read_text("utf-8").splitlines()
    assert sum(a != b for a, b in zip(as_written, edited, strict=True)) == 3


@pytest.mark.slow
def test_a_first_corpus_goes_from_two_files_to_a_page(tmp_path, follow):
    said = follow("first_corpus.sh")
    assert "no problem found in 180 utterances of my_corpus" in said
    run = tmp_path / "runs" / "first_corpus"
    results = pd.read_parquet(run / "results.parquet")
    assert {*results["corpus"]} == {"my_corpus"}
    assert {*results["pattern"]} == {"audio", "text", "audio+text"}
    # Classes lie two deviations apart in text: whatever is trained, it is better than a guess.
    clean = results[(results["noise"] == "none") & (results["pattern"] == "audio+text")]
    assert clean["ua"].min() > 1 / 3
    assert (run / "report" / "index.html").is_file()


@pytest.mark.parametrize("script", sorted(path.name for path in EXAMPLES.glob("*.sh")))
def test_a_script_is_sound_for_bash(script):
    done = subprocess.run(["bash", "-n", str(EXAMPLES / script)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
