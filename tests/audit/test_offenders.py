"""Each broken rule is found by the check that is there for it, and by no other."""

from __future__ import annotations

import pytest

from merbench.audit.audit import Audited, all_checks, audit
from merbench.audit.corpora import Ground, ground_of
from merbench.audit.subject import subject_of
from tests.audit import offenders


@pytest.fixture(scope="module")
def ground() -> Ground:
    return ground_of("synthetic", utterances=200)


def audited(name: str, ground: Ground) -> Audited:
    return audit(subject_of(f"{offenders.__name__}:{name}", {}), ground, all_checks())


@pytest.mark.parametrize("name", ["Honest", "Regression", "DeclaredDeadWeight"])
def test_an_honest_method_passes_every_check(ground, name) -> None:
    verdicts = {
        c.check.name: (c.finding.verdict, c.finding.summary) for c in audited(name, ground).checks
    }
    assert {verdict for verdict, _ in verdicts.values()} == {"pass"}, verdicts


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("BatchAttention", "batch_independence"),
        ("TrainModeNorm", "batch_independence"),
        ("Peeks", "blindness"),
        ("SelectsOnTest", "selection"),
        ("SamplesAtTest", "determinism"),
        ("UncontrolledSampling", "determinism"),
        ("UnseededTraining", "determinism"),
        ("DropsLastBatch", "scored_once"),
        ("FillsLastBatch", "scored_once"),
        ("TrainsOnTest", "sealed_test chance"),
        ("CentresByTest", "sealed_test"),
        ("PoolsPadding", "padding_independence"),
        ("TellsNoised", "state_honesty"),
        ("DeadWeight", "liveness"),
        ("LearnsNothing", "capacity"),
        ("CannotTrain", "trains"),
    ],
)
def test_an_offender_is_caught_by_the_right_check_and_no_other(ground, name, checks) -> None:
    found = audited(name, ground)
    failed = {c.check.name: c.finding.summary for c in found.failed}
    assert set(failed) == set(checks.split()), failed
