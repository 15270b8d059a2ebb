"""The GitHub Action: its steps, run by bash as a runner would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.check.worlds import run
from tests.conftest import TINY

ROOT = Path(__file__).parents[2]
ACTION = YAML(typ="safe").load((ROOT / "action" / "action.yml").read_text("utf-8"))
STEP = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "check")


def test_it_is_a_composite_action_whose_inputs_are_explained():
    assert ACTION["runs"]["using"] == "composite"
    assert {name for name, entry in ACTION["inputs"].items() if entry.get("required")} == {
        "suite",
        "reference",
    }
    for entry in (*ACTION["inputs"].values(), *ACTION["outputs"].values()):
        assert entry["description"]
    for step in ACTION["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert "run" not in step or step["shell"] == "bash"


def test_no_input_is_pasted_into_a_script():
    # A name with a quote or a `$(...)` in it would be run.
    assert all("${{" not in step.get("run", "") for step in ACTION["runs"]["steps"])


def test_every_variable_of_a_step_is_an_input():
    for step in ACTION["runs"]["steps"]:
        for value in step.get("env", {}).values():
            name = value.removeprefix("${{ inputs.").removesuffix(" }}")
            assert name in ACTION["inputs"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "tiny.yaml").write_text(json.dumps({**TINY, "methods": ["logreg"]}))
    return folder


def step(project, **inputs):
    """Run the step with the inputs' defaults, and return how it ended and what it handed on."""
    values = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()} | inputs
    output, summary = project / "output.txt", project / "summary.md"
    for path in (output, summary):
        path.write_text("")
    environment = {
        name: values[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in STEP["env"].items()
    }
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEP["run"]],
        cwd=project,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = output.read_text().splitlines()
    return ended, dict(line.split("=", 1) for line in lines), summary.read_text()


def test_it_passes_writes_a_summary_and_fails_with_the_exit_code_of_the_check(project):
    (project / "nothing.json").write_text("{}")
    ended, handed, _ = step(project, suite="tiny.yaml", reference="nothing.json")
    assert ended.returncode == 2
    assert handed["exit-code"] == "2"
    kept = project / "runs/merbench-check"
    ended, handed, summary = step(project, suite="tiny.yaml", reference=str(kept))
    assert ended.returncode == 0, ended.stderr
    assert handed["exit-code"] == "0"
    assert handed["verdict"].startswith("PASSED: ")
    assert summary.startswith("## merbench check: tiny")
    for name in ("junit.xml", "index.html", "said.txt"):
        assert (kept / "check" / name).stat().st_size > 0
    other = run(project, "other")
    ended, handed, _ = step(project, suite="tiny.yaml", reference=str(other))
    assert ended.returncode == 4
    assert handed["exit-code"] == "4"
    assert "not comparable" in handed["verdict"]
