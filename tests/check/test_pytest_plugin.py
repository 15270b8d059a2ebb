"""The plugin in a project of its own: real pytest, real runs."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from merbench.check.reference import reference_of_run
from merbench.check.reference_file import save_reference
from tests.check.worlds import run
from tests.conftest import TINY

PYTEST = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-W", "error"]
SUITE = json.dumps({**TINY, "methods": ["logreg"]})


@pytest.fixture
def project(tmp_path):
    """A folder with a run, one that is worse, a redrawn one, and a reference."""
    run(tmp_path, "before")
    run(tmp_path, "after", draw=1, skills={"zero_fill": 0.6, "nmer": 0.3})
    run(tmp_path, "other", protocol={"corpus": "0" * 64})
    run(tmp_path, "holes", lacking=[("nmer", "1", 0)])
    return tmp_path


def pytest_in(folder, text, *arguments, cwd=None):
    (folder / "pytest.ini").write_text("[pytest]\n")  # makes it the root folder
    (folder / "test_accuracy.py").write_text(f"import pytest\nimport unittest\n\n{text}")
    return subprocess.run(
        [*PYTEST, str(folder), *arguments],
        cwd=cwd or folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def marked(name, **options):
    said = ", ".join(f"{option}={value!r}" for option, value in options.items())
    return f"@pytest.mark.merbench({said})\ndef test_{name}():\n    pass\n"


# Pytest does not call the functions of such a class itself.
UNITTEST = """
@pytest.mark.merbench(run="after", reference="before")
class TestOld(unittest.TestCase):
    def test_unittest(self):
        pass
"""
FAILING = {
    "unittest": (None, "FAILED: nmer, "),
    "drop": ({"run": "after", "reference": "before"}, "FAILED: nmer, "),
    "protocol": ({"run": "other", "reference": "before"}, "corpus fingerprint"),
    "holes": ({"run": "holes", "reference": "before"}, "(nmer, fold 1, seed 0)"),
    "reference": ({"run": "before", "reference": "none.json"}, "no such reference"),
    "suite": ({"suite": "none.yaml", "reference": "before"}, "no suite file 'none.yaml'"),
    "alone": ({"run": "before"}, "expected suite= or run=, reference="),
    "both": ({"run": "before", "suite": "quick", "reference": "before"}, "expected suite= or run="),
    "unknown": ({"run": "before", "reference": "before", "strickt": True}, "strickt"),
}


def test_a_mark_passes_or_fails_its_test_and_says_why(project):
    tests = [marked("passing", run="before", reference="before"), UNITTEST]
    tests += [marked(name, **options) for name, (options, _) in FAILING.items() if options]
    ended = pytest_in(project, "\n\n".join(tests), "--junit-xml", "junit.xml")
    assert f"{len(FAILING)} failed, 1 passed" in ended.stdout
    assert "Traceback" not in ended.stdout
    cases = ElementTree.parse(project / "junit.xml").iter("testcase")
    found = {case.get("name"): case.find("failure") for case in cases}
    assert found.pop("test_passing") is None
    told = {name.removeprefix("test_"): failure.text for name, failure in found.items()}
    for name, (_, says) in FAILING.items():
        assert says in told[name]
    assert told["drop"].count(" dropped ") > 5


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


def cells_of(runs):
    """Return when each cell of each kept run was written."""
    return {path: path.stat().st_mtime_ns for path in runs.glob("*/cells/*/record.json")}


@pytest.mark.slow
def test_a_suite_is_run_kept_and_held(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "tiny.yaml").write_text(SUITE)
    options = {"suite": "suites/tiny.yaml", "reference": "tiny.json"}
    first = pytest_in(tmp_path, marked("it", **options), "--merbench-out", "runs")
    assert "no such reference" in first.stdout
    (kept,) = (tmp_path / "runs").glob("tiny-*/")
    cells = cells_of(tmp_path / "runs")
    assert len(cells) == 2
    save_reference(reference_of_run(kept), tmp_path / "tiny.json")
    # Paths start at the root folder, wherever pytest is called.
    again = pytest_in(
        tmp_path, marked("it", **options), "--merbench-out", "runs", cwd=tmp_path / "suites"
    )
    assert again.returncode == 0, again.stdout
    assert cells_of(tmp_path / "runs") == cells
    other = marked("it", **options, arguments=["--seeds", "1"])
    pytest_in(tmp_path, other, "--merbench-out", "runs")
    assert len(cells_of(tmp_path / "runs")) == 2 * len(cells)
    assert len([*(tmp_path / "runs").glob("tiny-*/")]) == 2


def test_without_a_cache_the_folder_of_runs_must_be_said(tmp_path):
    text = marked("it", suite="quick", reference="none.json")
    ended = pytest_in(tmp_path, text, "-p", "no:cacheprovider")
    assert "expected --merbench-out DIR" in ended.stdout


def test_pytest_starts_without_importing_torch_or_numpy(tmp_path):
    text = """
import sys

def test_it():
    heavy = {"torch", "numpy", "pandas", "merbench.cli"} & {*sys.modules}
    assert not heavy
"""
    ended = pytest_in(tmp_path, text, "-p", "no:hypothesispytest")
    assert ended.returncode == 0, ended.stdout
