"""Planted faults fail the build, and what is no fault does not: the whole way, with real runs."""

import pytest

from tests.check.faults import CARELESS_DROPOUT, FAULTS, NOISE, Fault, call, plant

pytestmark = pytest.mark.slow
SUITE = "gate"
# The same sums in another order of lines, under other names.
REFACTORING = Fault(
    "a refactoring",
    "methods/parts/layers.py",
    "        for width in (inputs, HIDDEN):\n"
    "            layers += [nn.Linear(width, HIDDEN), nn.ReLU()]\n",
    "        wide = [inputs, HIDDEN]\n"
    "        while wide:\n"
    "            layers.append(nn.Linear(wide.pop(0), HIDDEN))\n"
    "            layers.append(nn.ReLU())\n",
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    ran = call(None, "run", SUITE, "--quiet", "--out", folder / "run")
    assert ran.returncode == 0, ran.stderr
    saved = call(None, "check", folder / "run", "--save-reference", folder / "before.json")
    assert saved.returncode == 0, saved.stderr
    return folder / "before.json"


def run_with(fault, folder, *arguments):
    package = plant(fault, folder / "package")
    return call(package, "run", SUITE, "--quiet", "--out", folder / "run", *arguments)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_and_the_first_line_names_what_dropped(fault, reference, tmp_path):
    ran = run_with(fault, tmp_path)
    assert ran.returncode == 0, ran.stderr
    checked = call(None, "check", tmp_path / "run", "--reference", reference)
    first = checked.stdout.splitlines()[0]
    assert checked.returncode == 1, checked.stdout
    assert first.startswith(("FAILED: zero_fill, ", "FAILED: modality_dropout, "))
    if fault is NOISE:
        assert "noise on" in first


def test_dropout_that_looks_at_the_batch_is_refused_by_the_run_itself(tmp_path):
    ran = run_with(CARELESS_DROPOUT, tmp_path, "--methods", "zero_fill", "--folds", "1")
    assert ran.returncode == 1
    assert "combined and direct predictions differ" in ran.stderr


def test_a_refactoring_passes(reference, tmp_path):
    ran = run_with(REFACTORING, tmp_path)
    assert ran.returncode == 0, ran.stderr
    checked = call(None, "check", tmp_path / "run", "--reference", reference, "--strict")
    assert checked.returncode == 0
    assert checked.stdout.startswith("PASSED: every prediction count is the reference's")


def test_another_number_of_workers_passes(reference, tmp_path):
    ran = call(None, "run", SUITE, "--quiet", "--jobs", 1, "--out", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    checked = call(None, "check", tmp_path / "run", "--reference", reference, "--strict")
    assert checked.stdout.startswith("PASSED: every prediction count is the reference's")
