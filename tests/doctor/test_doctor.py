"""`merbench doctor`: what it finds on a machine that works, and on one that does not."""

from __future__ import annotations

import json

import pytest

from merbench.doctor.looks import look
from merbench.doctor.selftest import self_test


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_this_machine_is_well_and_says_what_it_is(merbench):
    said = merbench("doctor", "--no-self-test", "--json")
    found = json.loads(said.out)
    assert said.code == 0
    assert found["ok"]
    groups = {finding["group"] for finding in found["findings"]}
    assert groups >= {"versions", "devices", "threads", "disk", "extras", "plug-ins"}


def test_the_self_test_gives_the_same_bytes_twice():
    found = list(self_test())
    assert [finding.verdict for finding in found] == ["ok"] * 4
    assert found[-1].text.startswith("the same bytes")


def test_a_step_that_fails_ends_the_self_test_and_is_a_problem(monkeypatch):
    suite = {**self_test.__globals__["SUITE"], "methods": ["no_such"]}
    monkeypatch.setattr("merbench.doctor.selftest.SUITE", suite)
    (finding,) = self_test()
    assert finding.verdict == "problem"
    assert "unknown method 'no_such'" in finding.text


def test_a_variable_that_sets_nothing_is_told_with_the_nearest(merbench, monkeypatch):
    monkeypatch.setenv("MERBENCH_JOB", "3")
    monkeypatch.setenv("MERBENCH_JOBS", "2")
    said = merbench("doctor", "--no-self-test")
    assert said.code == 0
    assert "! MERBENCH_JOB " in said.out
    assert "did you mean 'MERBENCH_JOBS'" in said.out
    assert "  MERBENCH_JOBS " in said.out
    assert said.out.endswith("1 note: the lines that begin with x or !.\n")


def test_a_place_that_cannot_be_written_to_is_a_problem(merbench):
    merbench.folder.joinpath("file").touch()
    said = merbench("doctor", "--no-self-test", "--runs", "file/runs")
    assert said.code == 2
    assert "x runs " in said.out


def test_looking_leaves_nothing(tmp_path):
    found = by_name(look(tmp_path / "not" / "there", []))
    assert found["runs"].verdict == "ok"
    assert list(tmp_path.iterdir()) == []


def test_help_tells_the_exit_codes(merbench):
    assert "2 something is" in merbench("doctor", "--help").out


@pytest.mark.parametrize("name", ["python", "merbench", "torch", "cpu", "memory", "methods"])
def test_it_tells(tmp_path, name):
    assert by_name(look(tmp_path, []))[name].text
