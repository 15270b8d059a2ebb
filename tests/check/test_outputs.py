"""JUnit, GitHub and JSON: what CI systems read of a gate."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from merbench.check.cases import gate_junit
from merbench.check.gate import check
from merbench.check.github import MOST, ROWS, job_summary, workflow_commands
from merbench.check.verdicts import Checked
from tests.check.worlds import reference, run

XSD = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))
HOSTILE = 'a<b>&"\x00\x1b]|`x`\r\n::error::*_%0A'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def base(folder):
    return reference(folder, "base")


@pytest.fixture(scope="module")
def failed(folder, base) -> Checked:
    skills = {"zero_fill": 0.6, "nmer": 0.3, "mine": 0.5}
    return check(reference(folder, "worse", draw=1, skills=skills), base, ("ua", "wa"))


def cases(document):
    XSD.validate(ElementTree.fromstring(document))
    return ElementTree.fromstring(document).findall(".//testcase")


def test_junit_has_a_valid_case_for_each_rule_by_its_verdict(failed):
    found = cases(gate_junit(failed))
    assert len(found) == len(failed.rules)
    kinds = Counter(child.tag for case in found for child in case)
    verdicts = Counter(rule.verdict for rule in failed.rules)
    assert kinds["failure"] == verdicts["regressed"] > 0
    assert kinds["error"] == verdicts["not comparable"] > 0
    suite = ElementTree.fromstring(gate_junit(failed)).find("testsuite")
    assert suite.get("failures") == str(verdicts["regressed"])


def test_junit_of_a_strict_gate_fails_suspects_too(folder, base):
    found = check(reference(folder, "same", draw=1), base, ("ua",))
    suspects = len(found.with_verdict("suspect"))
    assert suspects
    for strict in (False, True):
        tags = [child.tag for case in cases(gate_junit(found, strict)) for child in case]
        assert tags.count("failure") == (suspects if strict else 0)


def test_junit_of_an_empty_comparison_is_an_error(base):
    (case,) = cases(gate_junit(check(base, base, ())))
    assert case.find("error").get("message").startswith("EMPTY")


def hostile(failed):
    rules = tuple(replace(rule, name=HOSTILE) for rule in failed.rules)
    return replace(failed, rules=rules, suite=HOSTILE, notes=(HOSTILE,))


def test_hostile_names_end_neither_an_element_nor_a_command_nor_a_table(failed):
    bad = hostile(failed)
    assert len(cases(gate_junit(bad))) == len(bad.rules)
    commands = list(workflow_commands(bad))
    assert all(c.startswith("::") and "\n" not in c and "\r" not in c for c in commands)
    titles = [command.split("::")[1].partition("title=")[2] for command in commands]
    assert all(title.endswith(("Finite", "modalities", "mean", "complete", "audio", "text"))
               for title in titles)  # fmt: skip
    table = [line for line in job_summary(bad).splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in table} == {11}


def test_annotations_are_errors_for_what_fails_and_no_more_than_are_shown(failed):
    kinds = Counter(line.split(" ")[0] for line in workflow_commands(failed))
    assert kinds["::error"] == min(MOST, len(failed.with_verdict("regressed")))


def test_a_gate_that_fails_without_a_drop_has_one_annotation_that_says_why(folder, base):
    more = reference(folder, "more", skills={"zero_fill": 0.6, "nmer": 0.55, "mine": 0.5})
    (line,) = workflow_commands(check(more, base))
    assert line.startswith(
        "::error title=merbench check::NOT COMPARABLE: the reference has no mine"
    )


def test_a_pass_has_no_errors(base):
    assert list(workflow_commands(check(base, base))) == []


def test_the_summary_has_the_headline_and_the_rules_that_are_not_ok(failed):
    text = job_summary(failed)
    assert "**FAILED: nmer, " in text
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == min(ROWS, sum(rule.verdict != "ok" for rule in failed.rules))


def pair(folder, name):
    skills = {"zero_fill": 0.6, "nmer": 0.3}
    return run(folder, name), run(folder, f"{name} worse", draw=1, skills=skills)


def test_json_holds_every_rule_and_the_exit_code(merbench, folder):
    before, after = pair(folder, "json")
    said = merbench("check", after, "--reference", before, "--json")
    found = json.loads(said.out)
    assert said.code == found["exit_code"] == 1
    assert found["headline"].startswith("FAILED: nmer")
    rules = found["checked"]["rules"]
    assert {rule["verdict"] for rule in rules} >= {"regressed", "ok"}
    assert all(
        rule["delta"] == pytest.approx(rule["value"] - rule["reference"], abs=1e-7)
        for rule in rules
    )


def test_files_are_written_and_a_job_summary_is_added_to(merbench, folder, monkeypatch, tmp_path):
    before, after = pair(folder, "files")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    junit = tmp_path / "deep" / "junit.xml"
    said = merbench("check", after, "--reference", before, "--github", "--junit", junit)
    assert said.out.startswith("FAILED: nmer")
    assert "\n::error title=regressed" in said.out
    assert (tmp_path / "summary.md").read_text().startswith("before\n## merbench check: world\n")
    assert len(cases(junit.read_bytes())) == 2 * 3 * 7


def test_piped_output_keeps_every_column(merbench, folder):
    before, after = pair(folder, "piped")
    lines = merbench("check", after, "--reference", before).out.splitlines()
    assert lines[1].split() == [
        "verdict", "method", "metric", "conditions", "before", "after", "change", "interval",
        "tolerance", "sees",
    ]  # fmt: skip
    assert "burst noise on present modalities" in "\n".join(lines)


def test_an_identical_run_is_one_line(merbench, folder):
    before = run(folder, "identical")
    assert len(merbench("check", before, "--reference", before).out.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_an_error(merbench, folder, tmp_path):
    before = run(folder, "unwritable")
    (tmp_path / "file").write_text("")
    said = merbench("check", before, "--reference", before, "--junit", tmp_path / "file" / "j.xml")
    assert said.code == 2
    assert "cannot be written" in said.err
