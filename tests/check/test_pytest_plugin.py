"""The plugin in a project of its own: real pytest, real runs."""

import json
import os
import subprocess
import sys

import pytest

from tests.check.worlds import run
from tests.conftest import TINY

SUITE = json.dumps({**TINY, "methods": ["logreg"]})


@pytest.fixture
def project(tmp_path):
    """A folder with a run, one that is worse, a redrawn one, and a reference."""
    run(tmp_path, "before")
    run(tmp_path, "after", draw=1, skills={"zero_fill": 0.6, "nmer": 0.3})
    run(tmp_path, "other", protocol={"corpus": "0" * 64})
    run(tmp_path, "holes", lacking=[("nmer", "1", 0)])
    return tmp_path


def pytest_in(folder, text, *arguments):
    (folder / "test_accuracy.py").write_text(f"import pytest\n\n{text}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def marked(**options):
    said = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return f"@pytest.mark.merbench({said})\ndef test_it():\n    pass\n"


def test_a_run_like_its_reference_passes(project):
    ended = pytest_in(project, marked(run="before", reference="before"))
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


def test_a_drop_fails_the_test_and_says_where(project):
    ended = pytest_in(project, marked(run="after", reference="before"))
    assert ended.returncode == 1
    assert "FAILED: nmer, " in ended.stdout
    assert ended.stdout.count(" dropped ") > 5
    assert "Traceback" not in ended.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"run": "other", "reference": "before"}, "corpus fingerprint"),
        ({"run": "holes", "reference": "before"}, "(nmer, fold 1, seed 0)"),
        ({"run": "before", "reference": "none.json"}, "no such reference"),
        ({"suite": "none.yaml", "reference": "before"}, "no suite file 'none.yaml'"),
        ({"run": "before"}, "expected suite= or run=, reference="),
        ({"run": "before", "suite": "quick", "reference": "before"}, "expected suite= or run="),
        ({"run": "before", "reference": "before", "strickt": True}, "strickt"),
    ],
)
def test_what_cannot_be_compared_never_passes(project, options, says):
    ended = pytest_in(project, marked(**options))
    assert ended.returncode == 1
    assert says in ended.stdout
    assert "1 failed" in ended.stdout


def test_the_fixture_returns_the_outcome(project):
    text = """
def test_it(merbench_check):
    found = merbench_check("before", "before", strict=True, methods=["nmer"])
    assert {rule.method for rule in found.rules} == {"nmer"}
    with pytest.raises(pytest.fail.Exception, match="FAILED: nmer"):
        merbench_check("after", "before")
"""
    ended = pytest_in(project, text)
    assert ended.returncode == 0, ended.stdout


def test_a_suite_is_run_kept_and_held(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SUITE)
    text = marked(suite="tiny.yaml", reference="runs/tiny")
    first = pytest_in(tmp_path, text, "--merbench-out", "runs")
    assert first.returncode == 0, first.stdout
    cells = [path.stat().st_mtime_ns for path in sorted((tmp_path / "runs/tiny/cells").iterdir())]
    assert cells
    again = pytest_in(tmp_path, text, "--merbench-out", "runs")
    assert again.returncode == 0
    after = [path.stat().st_mtime_ns for path in sorted((tmp_path / "runs/tiny/cells").iterdir())]
    assert after == cells


def test_pytest_starts_without_importing_merbench_or_torch(tmp_path):
    text = """
import sys

def test_it():
    heavy = {"torch", "numpy", "pandas", "merbench.cli"} & {*sys.modules}
    assert not heavy
"""
    ended = pytest_in(tmp_path, text, "-p", "no:hypothesispytest")
    assert ended.returncode == 0, ended.stdout
