import math
from dataclasses import replace

import numpy as np
import pytest

from merbench.check.gate import check
from merbench.errors import ConfigError, IncompleteError, NotComparableError
from merbench.suite.gate import GateConfig, Tolerance
from tests.check.worlds import reference


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def base(folder):
    return reference(folder, "base")


@pytest.fixture(scope="module")
def same(folder):
    return reference(folder, "same", draw=1)


@pytest.fixture(scope="module")
def worse(folder):
    return reference(folder, "worse", draw=1, skills={"zero_fill": 0.6, "nmer": 0.45})


def rule(checked, method, metric, group):
    (found,) = (
        r for r in checked.rules if (r.method, r.metric, r.group) == (method, metric, group)
    )
    return found


def gate(*tolerances, alpha=0.05):
    return GateConfig(alpha=alpha, tolerances=tuple(Tolerance(**t) for t in tolerances))


def test_the_same_run_passes_and_is_called_identical(base):
    found = check(base, base)
    assert found.identical
    assert found.exit_code() == found.exit_code(strict=True) == 0
    assert found.headline().startswith("PASSED: every prediction count is the reference's")
    assert {r.verdict for r in found.rules} == {"ok"}
    assert {r.p for r in found.rules} == {1.0}


def test_rules_are_methods_by_metrics_by_groups_of_conditions(base):
    found = check(base, base, ("wa", "ua"))
    assert {r.group for r in found.rules} == {
        "partial mean", "complete", "grid mean", "audio", "text",
        "burst noise on absent modalities", "burst noise on present modalities",
    }  # fmt: skip
    assert len(found.rules) == 2 * 2 * 7


def test_values_are_those_of_both_runs(base, worse):
    found = rule(check(worse, base), "nmer", "wa", "audio")
    place = [c.pattern == "audio" and c.is_clean for c in base.header.conditions].index(True)
    for run, value in ((base, found.reference), (worse, found.value)):
        counts = run.counts[1, :, :, place].sum(axis=1)
        shares = np.trace(counts, axis1=1, axis2=2) / counts.sum((1, 2))
        assert value == pytest.approx(shares.mean())
    assert found.delta == pytest.approx(found.value - found.reference)


def test_a_drop_fails_and_the_first_line_names_the_worst(base, worse):
    found = check(worse, base, ("ua",))
    assert found.exit_code() == 1
    assert {r.method for r in found.with_verdict("regressed")} == {"nmer"}
    worst = found.rules[0]
    assert worst.delta == min(r.delta for r in found.rules)
    assert worst.high < 0
    assert found.headline().startswith(f"FAILED: nmer, UA, {worst.group} dropped ")


def test_a_gain_is_no_failure(base, worse):
    found = check(base, worse, ("ua",))
    assert found.exit_code(strict=True) == 0
    assert {r.method for r in found.with_verdict("improved")} == {"nmer"}


def test_equal_skill_and_other_predictions_pass(base, same):
    found = check(same, base)
    assert not found.identical
    assert found.exit_code() == 0
    assert all(r.low < 0 < r.high for r in found.rules)


def test_a_drop_beyond_the_tolerance_that_may_be_luck_is_suspect(base, same):
    found = check(same, base, gate=gate({"points": 0}))
    suspects = found.with_verdict("suspect")
    assert suspects
    assert all(r.delta < 0 and r.p > 0.05 for r in suspects)
    assert (found.exit_code(), found.exit_code(strict=True)) == (0, 1)
    assert "suspect" in found.headline()
    assert found.headline(strict=True).startswith("FAILED")


def test_a_drop_within_the_tolerance_is_ok_however_sure(base, worse):
    found = check(worse, base, gate=gate({"points": 30}))
    assert found.exit_code() == 0
    assert any(r.p < 0.05 for r in found.rules)


def test_the_last_fitting_tolerance_is_a_rules_own(base, worse):
    entries = (
        {"points": 50},
        {"points": 2, "metric": "ua"},
        {"relative": 0.1, "metric": "ua", "group": "patterns"},
        {"points": 3, "group": "burst", "method": "nmer"},
    )
    found = check(worse, base, ("wa", "ua"), gate(*entries))
    assert rule(found, "nmer", "wa", "audio").tolerance == 0.5
    assert rule(found, "nmer", "ua", "grid mean").tolerance == 0.02
    audio = rule(found, "zero_fill", "ua", "audio")
    assert audio.tolerance == pytest.approx(0.1 * audio.reference)
    noise = "burst noise on absent modalities"
    assert rule(found, "nmer", "ua", noise).tolerance == 0.03
    assert rule(found, "zero_fill", "ua", noise).tolerance == 0.02


@pytest.mark.parametrize(
    ("entry", "near"),
    [({"metric": "au"}, "ua"), ({"method": "nmr"}, "nmer"), ({"group": "bursts"}, "burst")],
)
def test_a_tolerance_for_nothing_is_refused_with_the_nearest_name(base, entry, near):
    with pytest.raises(ConfigError, match=rf"gate.tolerances.0.*did you mean '{near}'"):
        check(base, base, ("ua",), gate({"points": 1, **entry}))


def test_what_is_drawn_anew_is_unpaired_and_said_so(folder, base):
    other = reference(folder, "redrawn", draw=2, protocol={"draws": "0" * 64})
    found = check(other, base)
    assert (found.paired, found.blocks) == (False, 5)
    assert any(note.startswith("Unpaired") for note in found.notes)
    assert found.exit_code() == 0
    assert check(base, base).blocks == 15


@pytest.mark.parametrize(
    ("protocol", "word"),
    [
        ({"corpus": "0" * 64}, "corpus fingerprint"),
        ({"conditions": "0" * 64, "count": 17}, "conditions: RUN has 17, REF 18"),
        ({"noises": {"burst": "0" * 64}}, "noise 'burst'"),
        ({"folds": {"1": "0" * 64}}, "fold '1'"),
        ({"folds": {"2": "f" * 64}}, "folds"),
        ({"missing_rate": 0.5}, "train_missing_rate"),
    ],
)
def test_another_protocol_is_not_comparable_and_says_in_what(folder, base, protocol, word):
    other = reference(folder, f"protocol {sorted(protocol)} {word[:5]}", protocol=protocol)
    with pytest.raises(NotComparableError, match="RUN is not comparable with REF") as caught:
        check(other, base, names=("RUN", "REF"))
    assert word in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_method_without_a_reference_is_not_comparable_but_fails_nothing_else(folder, base):
    other = reference(folder, "more", skills={"zero_fill": 0.6, "nmer": 0.55, "mine": 0.5})
    found = check(other, base)
    assert {r.method for r in found.with_verdict("not comparable")} == {"mine"}
    assert found.exit_code() == 4
    assert found.headline() == "NOT COMPARABLE: the reference has no mine."
    assert check(other, base, methods=["nmer"]).exit_code() == 0


def test_a_drop_comes_before_a_method_without_a_reference(folder, base):
    skills = {"zero_fill": 0.6, "nmer": 0.3, "mine": 0.5}
    assert check(reference(folder, "drop", skills=skills), base).exit_code() == 1


def test_a_run_that_lacks_a_method_is_incomplete(folder, base):
    less = reference(folder, "less", skills={"zero_fill": 0.6})
    with pytest.raises(IncompleteError, match="has no nmer"):
        check(less, base)
    assert check(less, base, methods=["zero_fill"]).exit_code() == 0


def test_a_method_that_neither_has_is_a_wrong_word(base):
    with pytest.raises(ConfigError, match="did you mean 'nmer'"):
        check(base, base, methods=["nmre"])


def test_a_run_of_fewer_seeds_is_incomplete(folder, base):
    few = reference(folder, "few", seeds=(0, 1))
    with pytest.raises(IncompleteError, match=r"seeds 0, 1 of .*seeds 0, 1, 2"):
        check(few, base)


def test_other_seeds_and_more_seeds_are_paired(folder, base):
    other = reference(folder, "other", seeds=(7, 8, 9))
    assert check(other, base).blocks == 15
    more = reference(folder, "more seeds", seeds=(5, 0, 1, 2, 3))
    assert check(more, base).identical


def test_methods_may_differ_in_their_seeds(folder):
    one = {"seeds_of": {"nmer": (0,)}}
    before = reference(folder, "one seed", **one)
    after = reference(
        folder, "one seed worse", draw=1, skills={"zero_fill": 0.4, "nmer": 0.55}, **one
    )
    found = check(after, before)
    assert {r.method for r in found.with_verdict("regressed")} == {"zero_fill"}
    assert math.isnan(rule(found, "nmer", "ua", "grid mean").detectable)
    assert rule(found, "zero_fill", "ua", "grid mean").detectable > 0


def test_a_gate_that_cannot_fire_says_so(folder):
    tiny = {"folds": 2, "seeds": (0, 1), "speakers": 1}
    before = reference(folder, "tiny", **tiny)
    after = reference(folder, "tiny worse", draw=1, skills={"zero_fill": 0.1, "nmer": 0.1}, **tiny)
    found = check(after, before)
    assert found.exit_code() == 0
    assert found.exit_code(strict=True) == 1
    text = " ".join(found.notes)
    assert "cannot fire: 4 fold-and-seed pairs of trained models give no p below 0.0625" in text
    assert "2 speakers and 2 seeds: a gate wants 8" in text
    assert all(r.low < 0 <= r.high for r in found.rules)


def test_a_large_drop_in_a_small_run_is_seen(folder):
    small = {"folds": 3, "seeds": (0, 1, 2), "speakers": 1}
    before = reference(folder, "small", **small)
    after = reference(
        folder, "small worse", draw=1, skills={"zero_fill": 0.6, "nmer": 0.25}, **small
    )
    assert check(after, before).exit_code() == 1


def test_labels_that_differ_are_not_comparable(base):
    other = replace(base, counts=base.counts.swapaxes(-1, -2))
    with pytest.raises(NotComparableError, match="labels of test utterances differ"):
        check(other, base)


def test_changed_versions_and_suites_are_noted(folder, base):
    record = {"versions": {"torch": "2.13"}, "suite_hash": "6" * 64}
    found = check(reference(folder, "versions", record=record), base)
    assert "Versions: torch 2.4 -> 2.13." in found.notes
    assert any(note.startswith("The suites differ") for note in found.notes)


def test_an_empty_comparison_is_incomplete(base):
    found = check(base, base, metrics=())
    assert found.exit_code() == 3
    assert found.headline().startswith("EMPTY")
