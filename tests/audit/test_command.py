"""`merbench audit`: table, JSON, JUnit and exit code."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from merbench.audit.audit import all_checks
from merbench.audit.deep import CORPUS_CHECKS
from tests.audit import offenders

ROOT = Path(__file__).parents[2]


@pytest.fixture
def merbench(merbench, monkeypatch):
    monkeypatch.setenv("MERBENCH_JOBS", "1")
    return merbench


def path_of(name: str) -> str:
    return f"{offenders.__name__}:{name}"


def test_a_sound_method_ends_with_0_and_a_line_for_every_check(merbench) -> None:
    said = merbench("audit", "logreg")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("logreg: no check fails  (synthetic: 216 utterances to train")
    for check in all_checks():
        (line,) = [each for each in lines if each.startswith(f"{check.name} ")]
        assert line.split()[1] == "pass"


def test_an_offender_ends_with_1_and_its_figures_in_json_and_junit(merbench) -> None:
    said = merbench("audit", path_of("DropsLastBatch"), "--json", "--junit", "out/audit.xml")
    assert said.code == 1
    (found,) = json.loads(said.out)
    assert (found["label"], found["passed"]) == ("DropsLastBatch", False)
    assert found["utterances"] == {"train": 216, "valid": 72, "test": 72}
    checks = {check["check"]: check for check in found["checks"]}
    failed = checks["scored_once"]
    assert failed["verdict"] == "fail"
    assert failed["summary"] == "batch of 1: (0, 4) logits for 1 utterances"
    assert failed["evidence"]["sizes_wrong"] == 6  # of 1, 2, 31, 33, 64, 65 and 72 all but 64
    assert failed["docs"] == "docs/audit.md#scored_once"
    (suite,) = ET.parse("out/audit.xml").getroot()
    verdicts = [check["verdict"] for check in found["checks"]]
    assert suite.attrib["tests"] == str(len(verdicts)) == str(len(suite))
    assert suite.attrib["failures"] == "1"
    assert suite.attrib["skipped"] == str(verdicts.count("not applicable"))
    (case,) = [case for case in suite if case.find("failure") is not None]
    assert case.attrib["name"] == "scored_once"
    assert case.find("failure").attrib["message"] == failed["summary"]


def test_two_processes_find_what_one_finds(merbench) -> None:
    found = []
    for jobs in (1, 2):
        (audited,) = json.loads(merbench("audit", "logreg", "--json", "--jobs", jobs).out)
        for check in audited["checks"]:
            timed = check["check"] in ("trains", "cost")
            found.append((check["check"], check["verdict"], timed or check["evidence"]))
    assert found[: len(found) // 2] == found[len(found) // 2 :]


def test_a_suite_is_audited_method_by_method_with_its_settings(merbench) -> None:
    methods = ["logreg", {"name": "logreg", "label": "weak", "C": 1e-6}]
    suite = merbench.suite(methods=methods)
    said = merbench("audit", "--suite", suite, "--checks", "trains,capacity", "--json")
    found = json.loads(said.out)
    assert [each["label"] for each in found] == ["logreg", "weak"]
    assert [len(each["checks"]) for each in found] == [2, 2]
    scores = [each["checks"][1]["evidence"]["complete"] for each in found]
    assert scores[0] == 1


def test_a_setting_of_the_method_is_audited(merbench) -> None:
    name = path_of("Regression")
    said = merbench("audit", name, "--set", "noised_as=absent", "--checks", "blindness", "--json")
    assert said.code == 0
    (found,) = json.loads(said.out)
    (usual,) = json.loads(merbench("audit", name, "--checks", "blindness", "--json").out)
    assert found["checks"][0]["verdict"] == usual["checks"][0]["verdict"] == "pass"


def test_the_corpus_of_a_user_is_audited_on(merbench) -> None:
    assert merbench("data", "synth", "--out", "mine", "--utterances", 60).code == 0
    said = merbench("audit", "logreg", "--corpus", "table:mine", "--checks", "trains", "--json")
    (found,) = json.loads(said.out)
    assert sum(found["utterances"].values()) == 60


def test_a_method_that_reads_the_corpus_past_the_harness_is_caught(merbench) -> None:
    assert merbench("data", "synth", "--out", "mine", "--utterances", 60).code == 0
    said = merbench("audit", path_of("ReadsTheCorpus"), "--corpus", "mine", "--json")
    (found,) = json.loads(said.out)
    failed = [check for check in found["checks"] if check["verdict"] == "fail"]
    assert [check["check"] for check in failed] == ["sealed_test"]
    assert failed[0]["evidence"]["corpus_files_opened"] == 1
    assert failed[0]["summary"].endswith("index.csv")


def test_a_claimed_gain_below_the_spread_of_seeds_fails(merbench) -> None:
    name = path_of("Honest")
    said = merbench("audit", name, "--checks", "seed_sensitivity", "--claimed-gain", 0.01, "--json")
    (found,) = json.loads(said.out)
    assert said.code == 1
    evidence = found["checks"][0]["evidence"]
    # Two means of three: t with 4 degrees of freedom, at 97.5 %, is 2.776.
    least = 2.776 * evidence["standard_deviation"] * (2 / 3) ** 0.5
    assert evidence["least_gain"] == pytest.approx(least, rel=0.02)
    said = merbench("audit", name, "--checks", "seed_sensitivity", "--claimed-gain", 60)
    assert said.code == 0


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ([], "expected one of METHOD, --suite SUITE and --run RUN"),
        (["nmer", "--suite", "quick"], "expected one of METHOD, --suite SUITE and --run RUN"),
        (["nmre"], "did you mean 'nmer'?"),
        (["no.such:Thing"], "cannot import module 'no.such'"),
        (["nmer", "--set", "latnet=mean"], "did you mean 'latent'?"),
        (["nmer", "--checks", "blindnes"], "did you mean 'blindness'?"),
        (["nmer", "--corpus", "table:nowhere"], "nowhere"),
        (["--suite", "quik"], "did you mean 'quick'?"),
        (["--suite", "quick", "--set", "beta=1"], "--set changes one method"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(merbench, typed, says) -> None:
    said = merbench("audit", *typed)
    assert said.code == 2
    assert says in said.err
    assert not said.out


def test_the_guide_explains_every_check() -> None:
    text = (ROOT / "docs" / "audit.md").read_text("utf-8")
    headings = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert headings == [check.name for check in (*all_checks(), *CORPUS_CHECKS)]
