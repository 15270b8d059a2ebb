"""What `merbench check` writes beside its table: files, streams, and a job's summary."""

import json

import pytest

from tests.check.junit import cases
from tests.check.worlds import run


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs"), "before")


@pytest.fixture(scope="module")
def after(before):
    return run(before.parent, "after", draw=1, skills={"zero_fill": 0.6, "nmer": 0.3})


@pytest.fixture(scope="module")
def other(before):
    """A run that cannot be compared."""
    return run(before.parent, "other", protocol={"corpus": "0" * 64})


def test_json_holds_every_rule_and_the_exit_code(merbench, before, after):
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


def test_files_are_written_and_a_job_summary_is_added_to(
    merbench, before, after, monkeypatch, tmp_path
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    junit = tmp_path / "deep" / "junit.xml"
    said = merbench("check", after, "--reference", before, "--github", "--junit", junit)
    assert said.out.startswith("FAILED: nmer")
    assert "\n::error title=regressed" in said.out
    assert (tmp_path / "summary.md").read_text().startswith("before\n## merbench check: world\n")
    assert len(cases(junit.read_bytes())) == 2 * 3 * 7


def test_piped_output_keeps_every_column(merbench, before, after):
    lines = merbench("check", after, "--reference", before).out.splitlines()
    assert lines[1].split() == [
        "verdict", "method", "metric", "conditions", "before", "after", "change", "interval",
        "tolerance", "sees",
    ]  # fmt: skip
    assert "burst noise on present modalities" in "\n".join(lines)


def test_an_identical_run_is_one_line(merbench, before):
    assert len(merbench("check", before, "--reference", before).out.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_an_error(merbench, before, tmp_path):
    (tmp_path / "file").write_text("")
    said = merbench("check", before, "--reference", before, "--junit", tmp_path / "file" / "j.xml")
    assert said.code == 2
    assert "cannot be written" in said.err


def test_json_has_stdout_for_itself(merbench, before, after):
    said = merbench("check", after, "--reference", before, "--json", "--github")
    assert json.loads(said.out)["exit_code"] == 1
    assert "::error title=regressed" in said.err


def test_without_a_verdict_every_output_says_why(merbench, before, other, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    junit, page = tmp_path / "junit.xml", tmp_path / "check.html"
    junit.write_text("of an older check")
    arguments = ("check", other, "--reference", before, "--junit", junit, "--html", page)
    said = merbench(*arguments, "--github")
    assert said.code == 4
    first, second = said.out.splitlines()
    assert first.startswith("NOT COMPARABLE: ")
    assert "corpus fingerprint" in first
    assert second.startswith("::error title=merbench check::NOT COMPARABLE: ")
    (case,) = cases(junit.read_bytes())
    assert "corpus fingerprint" in case.find("error").get("message")
    assert "corpus fingerprint" in page.read_text()
    assert "corpus fingerprint" in (tmp_path / "summary.md").read_text()
    assert "Error: " in said.err


def test_without_a_verdict_json_has_the_exit_code_and_no_rules(merbench, before):
    said = merbench("check", "nowhere", "--reference", before, "--json")
    found = json.loads(said.out)
    assert said.code == found["exit_code"] == 3
    assert found["checked"] is None
    assert found["headline"].startswith("INCOMPLETE: ")


def test_without_a_verdict_and_flags_stdout_is_empty(merbench, before, other):
    said = merbench("check", other, "--reference", before)
    assert said.out == ""
    assert "corpus fingerprint" in said.err
