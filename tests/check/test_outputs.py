"""JUnit and GitHub: what CI systems read of a gate."""

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from merbench.check.cases import gate_junit, stopped_junit
from merbench.check.gate import check
from merbench.check.github import (
    MOST,
    ROWS,
    job_summary,
    stopped_command,
    stopped_summary,
    workflow_commands,
)
from merbench.check.stopped import Stopped
from merbench.check.terminal import rules_table
from merbench.check.verdicts import Checked
from tests.check.junit import cases
from tests.check.worlds import reference

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


def test_a_check_without_a_verdict_is_an_error_everywhere():
    stopped = Stopped("mine", "theirs", f"folds differ:\n{HOSTILE}", 4)
    (case,) = cases(stopped_junit(stopped))
    assert case.find("error").get("message").startswith("NOT COMPARABLE: folds differ: a<b>")
    assert "\n" not in stopped_command(stopped)
    assert stopped_command(stopped).startswith("::error title=merbench check::NOT COMPARABLE: ")
    title, blank, said = stopped_summary(stopped).splitlines()
    assert (title, blank) == ("## merbench check", "")
    assert said.startswith(r"**NOT COMPARABLE: folds differ: a\<b\>")


@pytest.mark.parametrize(("code", "word"), [(2, "ERROR"), (3, "INCOMPLETE"), (4, "NOT COMPARABLE")])
def test_no_verdict_has_its_kind_first(code, word):
    assert Stopped("", "", "why", code).headline == f"{word}: why"


def shown(checked, width):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(rules_table(checked, width, every=True), crop=False)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 110, 200])
def test_a_terminal_of_any_width_shows_whole_words_and_numbers(failed, width):
    lines = shown(failed, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    compared = [rule for rule in failed.rules if rule.verdict != "not comparable"]
    for rule in compared:
        assert f"{100 * rule.delta:+.1f}" in text
        assert f"[{100 * rule.low:+.1f}, {100 * rule.high:+.1f}]" in text
    starts = [line.split()[0] for line in lines if line.startswith(("regressed", "ok", "not"))]
    assert len(starts) == sum(
        rule.verdict in {"regressed", "ok", "not comparable"} for rule in failed.rules
    )
