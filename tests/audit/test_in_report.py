"""The audit of a run's methods, from the command to the report."""

from __future__ import annotations

import json
import shutil

import pytest

from merbench.cli import call
from merbench.results.audits import AUDIT
from tests.audit import offenders
from tests.conftest import TINY

FEW = "trains,scored_once,determinism"


@pytest.fixture
def merbench(merbench, monkeypatch):
    monkeypatch.setenv("MERBENCH_JOBS", "1")
    return merbench


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of a method that keeps the protocol, and one that does not."""
    folder = tmp_path_factory.mktemp("audited")
    unseeded = f"{offenders.__name__}:UnseededTraining"
    methods = ["logreg", {"name": unseeded, "label": "<i>draws</i>"}]
    suite = folder / "tiny.yaml"
    suite.write_text(json.dumps({**TINY, "methods": methods}), "utf-8")
    assert call(["run", str(suite), "--out", str(folder / "run"), "--jobs", "1", "--json"]) == 0
    return folder / "run"


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def page_of(merbench, run) -> str:
    said = merbench("report", run)
    assert said.code == 0, said.err
    return (run / "report" / "index.html").read_text("utf-8")


def test_a_report_shows_what_the_audit_found(merbench, run) -> None:
    before = page_of(merbench, run)
    assert "merbench audit --run RUN" in before
    said = merbench("audit", "--run", run, "--checks", FEW)
    assert said.code == 1
    kept = json.loads((run / AUDIT).read_text("utf-8"))
    assert [m["label"] for m in kept["methods"]] == ["logreg", "<i>draws</i>"]

    page = page_of(merbench, run)
    audit = page.split('id="audit"', 1)[1].split("</section>", 1)[0]
    rows = [part.split("</tr>")[0] for part in audit.split("<tbody>")[1].split("<tr>")[1:]]
    assert [row.count("<td>pass</td>") for row in rows] == [3, 2]
    assert rows[1].count('<td class="bad">fail</td>') == 1
    assert "learnt arrays differ between two trainings" in audit
    assert "<i>draws" not in audit
    assert "&lt;i&gt;draws&lt;/i&gt;" in audit
    # And on top, where claims are read.
    verdict = page.split('id="verdict"', 1)[1].split("</section>", 1)[0]
    assert "breaks the protocol (determinism; see Audit)" in verdict
    summary = json.loads((run / "report" / "summary.json").read_text("utf-8"))
    (found,) = [m for m in summary["runs"][0]["audits"]["methods"] if m["label"] != "logreg"]
    assert {c["check"]: c["verdict"] for c in found["checks"]} == {
        "trains": "pass",
        "scored_once": "pass",
        "determinism": "fail",
    }


def test_a_method_that_changed_since_says_so(merbench, run) -> None:
    merbench("audit", "--run", run, "--checks", "trains")
    kept = json.loads((run / AUDIT).read_text("utf-8"))
    assert "has changed since" not in page_of(merbench, run)
    kept["methods"][0]["code"] = "0" * 64
    (run / AUDIT).write_text(json.dumps(kept), "utf-8")
    assert "logreg has changed since it was audited" in page_of(merbench, run)


def test_a_method_that_was_not_audited_is_named(merbench, run) -> None:
    merbench("audit", "--run", run, "--checks", "trains")
    kept = json.loads((run / AUDIT).read_text("utf-8"))
    del kept["methods"][0]
    (run / AUDIT).write_text(json.dumps(kept), "utf-8")
    assert "Not audited: logreg." in page_of(merbench, run)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2, "methods": []}', "\x00"])
def test_a_broken_audit_is_one_clear_error(merbench, run, content) -> None:
    (run / AUDIT).write_text(content, "utf-8")
    said = merbench("report", run)
    assert said.code == 2
    assert AUDIT in said.err
    assert "merbench audit --run" in said.err
    assert "Traceback" not in said.err


def test_a_fresh_run_forgets_its_audit(merbench, run, tmp_path) -> None:
    merbench("audit", "--run", run, "--checks", "trains")
    suite = merbench.suite(methods=["logreg"])
    merbench.run(suite, run, "--fresh", "--yes")
    assert not (run / AUDIT).exists()


def test_wrong_words(merbench, run, tmp_path) -> None:
    for arguments, words in (
        (["logreg", "--run", run], "expected one of METHOD, --suite SUITE and --run RUN"),
        (["--run", run, "--set", "a=1"], "--set changes one method"),
    ):
        said = merbench("audit", *arguments)
        assert said.code == 2
        assert words in said.err
    said = merbench("audit", "--run", tmp_path / "nowhere")
    assert said.code == 3
    assert "not a run" in said.err
