"""`merbench check` as CI calls it: every exit code by a real command."""

import json
import os
import signal
import time

import pytest

from merbench.cli import call
from tests.check.worlds import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def before(folder):
    return run(folder, "before")


@pytest.fixture(scope="module")
def reference(folder, before):
    path = folder / "before.json"
    assert call(["check", str(before), "--save-reference", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def after(folder):
    return run(folder, "after", draw=1, skills={"zero_fill": 0.6, "nmer": 0.4})


def test_0_where_nothing_dropped(merbench, before, reference):
    said = merbench("check", before, "--reference", reference)
    assert said.code == 0
    assert said.out.startswith("PASSED: ")


def test_1_where_a_method_regressed_and_the_first_line_names_it(merbench, after, reference):
    said = merbench("check", after, "--reference", reference)
    assert said.code == 1
    assert said.out.splitlines()[0].startswith("FAILED: nmer, ")
    assert "zero_fill" not in said.out.splitlines()[0]


def test_1_where_a_strict_gate_meets_a_suspect(merbench, folder, reference):
    same = run(folder, "same", draw=1)
    tight = folder / "tight.yaml"
    tight.write_text("tolerances: [{points: 0}]\n")
    arguments = ("check", same, "--reference", reference, "--tolerances", tight)
    assert merbench(*arguments).code == 0
    said = merbench(*arguments, "--strict")
    assert said.code == 1
    assert said.out.startswith("FAILED: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected either --reference FILE or --save-reference FILE"),
        (("--reference", "a", "--save-reference", "b"), "expected either"),
        (("--save-reference", "b", "--junit", "c"), "--junit goes with --reference alone"),
        (("--save-reference", "b", "--methods", "nmer"), "--methods goes with --reference"),
        (("--reference", "nothing.json"), "no such reference"),
        (("--reference", "REFERENCE", "--methods", "nmre"), "did you mean 'nmer'"),
        (("--reference", "REFERENCE", "--tolerances", "none.yaml"), "none.yaml"),
        (("--reference", "REFERENCE", "--tolerances", "BAD"), "bad.yaml:1: tolerances.0.point"),
    ],
)
def test_2_where_the_input_is_wrong(merbench, before, reference, folder, arguments, says):
    bad = folder / "bad.yaml"
    bad.write_text("tolerances: [{point: 1}]\n")
    names = {"REFERENCE": reference, "BAD": bad}
    said = merbench("check", before, *(names.get(a, a) for a in arguments))
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_3_where_there_is_no_run(merbench, folder, reference):
    said = merbench("check", folder / "nowhere", "--reference", reference)
    assert said.code == 3
    assert "not a run" in said.err


def test_3_where_cells_are_missing(merbench, folder, reference):
    holes = run(folder, "holes", lacking=[("nmer", "2", 1)])
    said = merbench("check", holes, "--reference", reference)
    assert said.code == 3
    assert "(nmer, fold 2, seed 1)" in said.err


def test_3_where_half_of_the_reference_is_gone(merbench, before, reference, folder):
    content = json.loads(reference.read_text())
    content["lines"] = content["lines"][::2]
    half = folder / "half.json"
    half.write_text(json.dumps(content))
    assert merbench("check", before, "--reference", half).code == 3


def test_3_where_a_method_of_the_reference_was_not_run(merbench, folder, reference):
    less = run(folder, "less", skills={"nmer": 0.55})
    said = merbench("check", less, "--reference", reference)
    assert said.code == 3
    assert "has no zero_fill" in said.err


def test_4_where_the_protocol_is_another(merbench, folder, reference):
    other = run(folder, "other", protocol={"corpus": "0" * 64})
    said = merbench("check", other, "--reference", reference)
    assert said.code == 4
    assert "corpus fingerprint" in said.err


def test_4_where_a_method_has_no_reference(merbench, folder, reference):
    more = run(folder, "more", skills={"zero_fill": 0.6, "nmer": 0.55, "mine": 0.5})
    said = merbench("check", more, "--reference", reference)
    assert said.code == 4
    assert said.out.startswith("NOT COMPARABLE: the reference has no mine.")


def test_130_where_it_is_interrupted(merbench, before, reference, folder):
    pipe = folder / "pipe.yaml"
    os.mkfifo(pipe)
    started = merbench.start("check", before, "--reference", reference, "--tolerances", pipe)
    # Opening succeeds when the command waits at the other end.
    deadline = time.monotonic() + 60
    while True:
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=30)
    os.close(writer)
    assert started.returncode == 130
    assert "Interrupted" in err


def test_a_real_run_is_its_own_reference_for_any_number_of_jobs(merbench):
    suite = merbench.suite(methods=["logreg", "zero_fill"])
    for jobs in (1, 2):
        assert merbench("run", suite, "--jobs", jobs, "--out", f"jobs{jobs}").code == 0
    assert merbench("check", "jobs1", "--save-reference", "tiny.json.gz").code == 0
    said = merbench("check", "jobs2", "--reference", "tiny.json.gz")
    assert said.code == 0
    assert said.out.startswith("PASSED: every prediction count is the reference's")
    assert "cannot fire" in said.err


def test_the_suites_own_tolerances_hold_where_none_are_given(merbench, folder, after, reference):
    record = json.loads((after / "run.json").read_text())
    record["suite"]["gate"] = {"tolerances": [{"points": 40}]}
    lenient = run(folder, "lenient", draw=1, skills={"zero_fill": 0.6, "nmer": 0.4})
    (lenient / "run.json").write_text(json.dumps(record))
    assert merbench("check", lenient, "--reference", reference).code == 0
    assert merbench("check", after, "--reference", reference).code == 1
