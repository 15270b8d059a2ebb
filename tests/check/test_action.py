"""The GitHub Action: its steps, run by bash as a runner would."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.check.worlds import run
from tests.conftest import TINY

ROOT = Path(__file__).parents[2]
ACTION = YAML(typ="safe").load((ROOT / "action" / "action.yml").read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
FRAIL = """
import os
from merbench_baselines.logreg import LogReg


class Frail(LogReg):
    def fuse(self, embeddings, states):
        if os.path.exists("broken"):
            raise ValueError("struck")
        return super().fuse(embeddings, states)
"""


def test_it_is_a_composite_action_whose_inputs_are_explained():
    assert ACTION["runs"]["using"] == "composite"
    assert {name for name, entry in ACTION["inputs"].items() if entry.get("required")} == {
        "suite",
        "reference",
    }
    for entry in (*ACTION["inputs"].values(), *ACTION["outputs"].values()):
        assert entry["description"]
    for step in STEPS:
        assert ("uses" in step) != ("run" in step)
        assert "run" not in step or step["shell"] == "bash"


def test_no_input_is_pasted_into_a_script():
    # A name with a quote or a `$(...)` in it would be run.
    assert all("${{" not in step.get("run", "") for step in STEPS)


def test_every_input_that_is_read_is_declared_and_every_declared_one_read():
    text = json.dumps([ACTION["runs"], ACTION["outputs"]])
    assert {*re.findall(r"inputs\.([a-z-]+)", text)} == {*ACTION["inputs"]}


def test_cells_of_another_commit_are_not_taken():
    restored, saved = (s["with"] for s in STEPS if s.get("uses", "").startswith("actions/cache"))
    assert "${{ github.sha }}" in restored["restore-keys"]
    assert restored["key"].startswith(restored["restore-keys"])
    assert restored["key"] == saved["key"]


def step(place, project, path=(), **inputs):
    """Run a step with the inputs' defaults, and return how it ended and what it handed on."""
    found = next(s for s in STEPS if place in (s.get("id"), s.get("name")))
    values = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()} | inputs
    output, summary = project / "output.txt", project / "summary.md"
    for file in (output, summary):
        file.write_text("")
    environment = {
        name: values[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in found["env"].items()
    }
    folders = [*map(str, path), str(Path(sys.executable).parent), os.environ["PATH"]]
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", found["run"]],
        cwd=project,
        env={
            **os.environ,
            "PATH": os.pathsep.join(folders),
            "OMP_NUM_THREADS": "1",
            "GITHUB_ACTION_PATH": str(ROOT / "action"),
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


def test_it_installs_the_version_that_it_belongs_to_and_what_is_asked_for(tmp_path):
    # Stands for a Python without merbench, and says what it is asked to do.
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    ended, _, _ = step("Install", tmp_path, [tmp_path], install="-r requirements.txt")
    *command, package, flag, file = ended.stdout.splitlines()
    assert command == ["-m", "pip", "install"]
    assert Path(package).samefile(ROOT)
    assert (flag, file) == ("-r", "requirements.txt")


@pytest.mark.slow
def test_it_passes_writes_a_summary_and_fails_with_the_exit_code_of_the_check(tmp_path):
    suite = {**TINY, "methods": ["frail:Frail"]}
    (tmp_path / "a suite.yaml").write_text(json.dumps(suite))
    (tmp_path / "frail.py").write_text(FRAIL)
    (tmp_path / "nothing.json").write_text("{}")
    report, kept = tmp_path / "merbench-check", tmp_path / "runs" / "merbench"

    def check(reference, **inputs):
        given = {"suite": "a suite.yaml", "reference": str(reference)}
        return step("check", tmp_path, **{**given, **inputs})

    ended, handed, summary = check("nothing.json")
    assert ended.returncode == 2
    assert handed["exit-code"] == "2"
    assert handed["verdict"].startswith("ERROR: nothing.json")
    assert ended.stdout.count("::error ") == 1
    assert "nothing.json" in summary

    ended, handed, summary = check(kept)
    assert ended.returncode == 0, ended.stderr
    assert handed["exit-code"] == "0"
    assert handed["verdict"].startswith("PASSED: every prediction count")
    assert summary.startswith("## merbench check: tiny")
    for name in ("junit.xml", "index.html", "said.txt"):
        assert (report / name).stat().st_size > 0

    ended, handed, _ = check(run(tmp_path, "other"))
    assert ended.returncode == 4
    assert handed["exit-code"] == "4"
    assert handed["verdict"].startswith("NOT COMPARABLE: ")

    (tmp_path / "broken").touch()
    ended, handed, summary = check(kept, arguments="--seeds 5 --jobs 1")
    assert ended.returncode == 3
    assert handed["exit-code"] == "3"
    assert handed["verdict"].startswith("merbench run ended with 1: failed: ")
    assert "::error title=merbench run::" in ended.stdout
    assert "struck" in summary
    # What an earlier check wrote is not shown as this one's.
    assert [path.name for path in report.iterdir()] == ["said.txt"]
