"""Files that other programs read keep to their public schemas, and workflows do what .ci does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
KNOWN = [
    *((path, "github-workflows") for path in WORKFLOWS),
    (ROOT / "CITATION.cff", "citation-file-format"),
    (ROOT / "action" / "action.yml", "github-actions"),
]


@pytest.mark.parametrize(("path", "schema"), KNOWN, ids=[path.name for path, _ in KNOWN])
def test_it_keeps_to_its_schema(path, schema):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    command = [*check, "--default-filetype", "yaml", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def steps_of(job) -> list[str]:
    """Return the commands of a job, with its matrix and its environment filled in."""
    found = []
    for step in job["steps"]:
        if "run" not in step:
            continue
        values = job.get("strategy", {}).get("matrix", {}).get("part", [None])
        found += [step["run"].replace('"$PART"', str(value)) for value in values]
    return found


def test_together_they_run_every_part_of_our_own_checks_and_nothing_else():
    jobs = [
        job
        for path in WORKFLOWS
        for job in YAML(typ="safe").load(path.read_text("utf-8"))["jobs"].values()
    ]
    parts = re.findall(r"^part_(\w+)\(\)", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    expected = {*(f"bash .ci/run {part}" for part in parts), "bash .ci/nightly"}
    assert {step for job in jobs for step in steps_of(job)} == expected


def test_a_part_that_is_not_there_is_refused_before_anything_runs():
    command = ["bash", str(ROOT / ".ci" / "run"), "tests", "lnt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "no part 'lnt'; expected tests, lint, run or docs\n"
