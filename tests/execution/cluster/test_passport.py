"""What a worker must have in common with the run."""

from dataclasses import replace

from merbench_baselines.logreg import LogReg

from merbench.code_version import class_digest, harness_digest
from merbench.execution.cluster.passport import classes_of, in_words, passport
from merbench.execution.engine import Work
from merbench.execution.plan import make_plan
from merbench.store.store import Store
from merbench.suite.load import load_suite

LOGREG = "merbench_baselines.logreg:LogReg"


def test_every_class_that_results_depend_on_is_asked_for(merbench, tmp_path):
    plan = make_plan(load_suite(merbench.suite()))
    work = Work(plan.protocol, Store(tmp_path), plan.folds, plan.stages, plan.cells)
    assert {name.partition(":")[2] for name in classes_of(work)} == {
        "LogReg", "ZeroFill", "FusionStage", "Mmin", "MminStage", "Gaussian",
    }  # fmt: skip


def test_a_process_like_ours_does_not_differ():
    ours = passport([LOGREG])
    assert ours.harness == harness_digest()
    assert ours.classes == {LOGREG: class_digest(LogReg)}
    assert ours.differences(passport([LOGREG])) == []


def test_every_difference_is_named():
    ours = passport([LOGREG, "merbench.errors:CellError"])
    theirs = replace(
        passport([LOGREG, "no_such_module:Method"]),
        versions={name: v for name, v in ours.versions.items() if name != "torch"} | {"numpy": "0"},
        harness="f" * 64,
    )
    theirs = replace(theirs, classes={**theirs.classes, LOGREG: "e" * 64})
    found = ours.differences(theirs)
    assert found == [
        f"torch is missing instead of {ours.versions['torch']}",
        f"numpy 0 instead of {ours.versions['numpy']}",
        f"merbench's code is ffffffffffff instead of {ours.harness[:12]}",
        f"{LOGREG} has other code (eeeeeeeeeeee instead of {ours.classes[LOGREG][:12]})",
        "merbench.errors:CellError is not known",
    ]
    assert in_words(found).endswith(" and 2 more")


def test_a_module_that_cannot_be_imported_is_an_answer():
    (answer,) = passport(["no_such_module:Method"]).classes.values()
    assert answer.startswith("cannot be imported (ModuleNotFoundError: ")
