import dataclasses

import numpy as np
import pytest

from merbench.analysis.comparison import compare_methods, compare_runs
from merbench.errors import ConfigError, IncompleteError, NotComparableError
from merbench.results.metrics import confusion_metric
from tests.analysis.world import World

UA = confusion_metric("ua")
HASHES = {"corpus": {"fingerprint": "f"}, "draws_hash": "d", "suite_hash": "s"}
BASE = World({"zero_fill": 0.6, "nmer": 0.6}, folds=5, speakers=2, luck=0.02, record=HASHES)


def changed(**fields):
    return dataclasses.replace(BASE, **fields)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return BASE.write(tmp_path_factory.mktemp("base") / "run")


def test_a_run_against_itself_differs_by_nothing(base):
    found = compare_runs(base, base, UA, draws=300)
    assert (found.frame["difference"] == 0).all()
    assert (found.frame["p"] == 1).all()
    assert found.notes == ("5 folds cannot reach p < .05 in a rank or sign-flip test over folds: "
                           "the smallest possible p is 0.0625.",)  # fmt: skip


def test_a_drop_of_one_method_is_found_and_the_other_left_alone(base, tmp_path):
    other = changed(skills={"zero_fill": 0.6, "nmer": 0.45}, draw=1).write(tmp_path / "run")
    frame = compare_runs(base, other, UA, draws=1000).frame
    grid = frame[frame["quantity"] == "grid mean"].set_index("pair")
    assert grid.loc["nmer", "difference"] == pytest.approx(-0.15, abs=0.03)
    assert grid.loc["nmer", "p_holm"] < 0.001
    assert grid.loc["zero_fill", "p_holm"] > 0.05
    assert {*frame["quantity"]} >= {"complete", "audio", "burst noise on present modalities"}


def test_other_seeds_are_compared_unpaired(base, tmp_path):
    other = changed(seeds=(7, 8)).write(tmp_path / "run")
    frame = compare_runs(base, other, UA, draws=500).frame
    assert frame["low"].notna().all()
    assert (frame["p_holm"] > 0.01).all()


def test_only_shared_conditions_are_compared_and_it_says_so(base, tmp_path):
    other = changed(noise=False, record=HASHES | {"draws_hash": "e"}).write(tmp_path / "run")
    found = compare_runs(base, other, UA, draws=200)
    assert "grid mean" not in {*found.frame["quantity"]}
    assert any("in one run only" in note for note in found.notes)
    assert any("draws differ" in note for note in found.notes)


def test_a_severity_is_the_same_however_it_was_asked_for(base, tmp_path):
    class Asked(World):
        @property
        def header(self):
            header = super().header
            asked = [c._replace(requested=c.requested + 0.01) for c in header.conditions]
            return dataclasses.replace(header, conditions=tuple(asked))

    other = Asked(**{f.name: getattr(BASE, f.name) for f in dataclasses.fields(BASE)})
    found = compare_runs(base, other.write(tmp_path / "run"), UA, draws=100)
    assert not any("in one run only" in note for note in found.notes)
    assert (found.frame["difference"] == 0).all()


def test_methods_of_one_run_only_are_named(base, tmp_path):
    other = changed(skills={"nmer": 0.6, "mine": 0.5}).write(tmp_path / "run")
    notes = compare_runs(base, other, UA, draws=100).notes
    assert f"Only {base} has zero_fill." in notes
    assert f"Only {tmp_path / 'run'} has mine." in notes


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"record": {"corpus": {"fingerprint": "g"}}}, "corpus differ"),
        ({"folds": 4}, "folds, labels differ"),
        ({"speakers": 1}, "folds, labels differ"),
    ],
)
def test_runs_on_other_utterances_are_not_comparable(base, tmp_path, fields, what):
    other = changed(**fields).write(tmp_path / "run")
    with pytest.raises(NotComparableError, match=what):
        compare_runs(base, other, UA)


def test_runs_without_a_shared_method_are_not_comparable(base, tmp_path):
    other = changed(skills={"mine": 0.5}).write(tmp_path / "run")
    with pytest.raises(NotComparableError, match="no method is in both"):
        compare_runs(base, other, UA)


def test_methods_of_one_run_are_compared_with_the_first(base):
    found = compare_methods(base, ["nmer", "zero_fill"], UA, draws=300)
    back = compare_methods(base, ["zero_fill", "nmer"], UA, draws=300)
    np.testing.assert_allclose(found.frame["difference"], -back.frame["difference"])
    assert {*found.frame["method"]} == {"nmer"}


def test_an_unknown_method_is_named_with_the_nearest(base):
    with pytest.raises(ConfigError, match="did you mean 'nmer'"):
        compare_methods(base, ["nmr", "zero_fill"], UA)
    with pytest.raises(ConfigError, match="two methods or more"):
        compare_methods(base, ["nmer"], UA)


def test_holes_are_refused_unless_partial(base, tmp_path):
    other = changed(lacking=[("nmer", "1", 0)]).write(tmp_path / "run")
    with pytest.raises(IncompleteError, match="nmer, fold 1, seed 0"):
        compare_runs(base, other, UA)
    assert compare_runs(base, other, UA, partial=True, draws=200).frame["p"].notna().all()
