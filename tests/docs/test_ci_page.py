"""docs/ci.md: what it tells its readers to run is run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from merbench.check.verdicts import VERDICTS
from tests.conftest import TINY
from tests.docs.blocks import ROOT, blocks_of, page

PAGE = page("ci.md")
BLOCKS = blocks_of("ci.md")


def block(language, word):
    (found,) = (b.text for b in BLOCKS if b.language == language and word in b.text)
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the suite that the page speaks of, run and kept as a reference."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "suites").mkdir()
    suite = {**TINY, "name": "mine", "methods": ["logreg"]}
    (folder / "suites" / "mine.yaml").write_text(json.dumps(suite))
    for line in (
        "merbench run suites/mine.yaml --out runs/mine --quiet",
        "merbench check runs/mine --save-reference references/mine.json",
    ):
        ended = shell(folder, line)
        assert ended.returncode == 0, ended.stderr
    return folder


def shell(folder, line):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        shlex.split(line),
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_gitlab_job_runs_and_leaves_what_it_names(project):
    job = YAML(typ="safe").load(block("yaml", "artifacts:"))["accuracy"]
    install, *lines = job["script"]
    assert install.startswith("pip install")
    for line in lines:
        ended = shell(project, line)
        assert ended.returncode == 0, ended.stderr
    named = [
        *job["artifacts"]["paths"],
        job["artifacts"]["reports"]["junit"],
        *job["cache"]["paths"],
    ]
    assert all((project / name).exists() for name in named)


@pytest.mark.slow
def test_the_tests_of_the_page_pass(project):
    (project / "test_accuracy.py").write_text(block("python", "pytest.mark.merbench"))
    ended = shell(project, f"{sys.executable} -m pytest -q --merbench-out runs")
    assert "2 passed" in ended.stdout, ended.stdout


def test_the_program_of_the_page_prints_the_headline(project):
    (project / "program.py").write_text(block("python", "check_run("))
    ended = shell(project, f"{sys.executable} program.py")
    assert ended.stdout.startswith("PASSED: "), ended.stderr


def test_the_commands_of_the_page_pass(project):
    for line in block("sh", "--save-reference").splitlines():
        ended = shell(project, line.split("#")[0])
        assert ended.returncode == 0, ended.stderr


WORKFLOWS = [b.text for b in BLOCKS if b.language == "yaml" and "checkout" in b.text]


def test_the_action_is_called_with_inputs_that_it_has():
    action = YAML(typ="safe").load((ROOT / "action" / "action.yml").read_text("utf-8"))
    assert len(WORKFLOWS) == 2
    for text in WORKFLOWS:
        steps = YAML(typ="safe").load(text)["jobs"]["accuracy"]["steps"]
        assert {*steps[1]["with"]} <= {*action["inputs"]}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("github-actions", (ROOT / "action" / "action.yml").read_text("utf-8")),
        *(("github-workflows", text) for text in WORKFLOWS),
        ("gitlab-ci", block("yaml", "reports:")),
    ],
)
def test_what_ci_systems_read_is_valid_by_their_published_schemas(schema, text, tmp_path):
    pytest.importorskip("check_jsonschema", reason="pip install check-jsonschema")
    (tmp_path / "read.yaml").write_text(text)
    tool = f"{sys.executable} -m check_jsonschema --builtin-schema vendor.{schema} read.yaml"
    ended = shell(tmp_path, tool)
    assert ended.returncode == 0, ended.stdout


def test_every_verdict_is_explained():
    assert set(re.findall(r"^\| `([a-z ]+)` \|", PAGE, re.MULTILINE)) >= {*VERDICTS}


def test_the_transcript_fails_and_then_passes():
    found = block("text", "$ merbench")
    assert re.findall(r"^(FAILED|PASSED): ", found, re.MULTILINE) == ["FAILED", "PASSED"]
    assert found.count("[exit code 1]") == 1
