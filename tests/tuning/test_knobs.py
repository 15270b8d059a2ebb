from __future__ import annotations

import pytest

from merbench.errors import ConfigError
from merbench.execution.build import build_methods
from merbench.registry import loadable
from merbench.suite.load import load_suite
from merbench.tuning.knobs import at_edge, knobs_of, with_values
from merbench.tuning.space import Float

HERE = "tests.tuning.world"


def knobs(method, **training):
    fields = {
        "name": "some",
        "corpus": {"reader": "synthetic"},
        "methods": [method],
        "training": {"preset": "quick", **training},
    }
    suite = load_suite(fields).suite
    (built,) = build_methods(suite)
    return {knob.key: knob for knob in knobs_of(suite.methods[0], built)}


@pytest.mark.parametrize("name", loadable("methods"))
def test_every_method_has_knobs_whose_spaces_hold_its_own_values(name) -> None:
    found = knobs(name)
    assert found
    for knob in found.values():
        assert knob.space == knob.space.holding(knob.own)


def test_a_network_without_a_space_of_its_own_has_learning_rate_and_dropout() -> None:
    found = knobs("zero_fill", lr=0.02)
    assert {key: knob.own for key, knob in found.items()} == {"lr": 0.02, "dropout": 0.3}
    assert found["lr"].space == Float(1e-4, 0.02, log=True)  # widened to hold it


def test_of_two_stages_the_one_that_predicts_is_tuned() -> None:
    assert {"stage2.lr", "stage2.dropout", "forward_weight"} <= knobs("mmin").keys()


def test_what_an_entry_sets_is_not_tuned() -> None:
    assert knobs({"name": "zero_fill", "lr": 0.01}).keys() == {"dropout"}
    assert "stage2.lr" not in knobs({"name": "mmin", "stage2": {"lr": 0.01}})
    assert "beta" not in knobs({"name": "nmer", "beta": 0.5})


def test_what_another_setting_leaves_without_a_meaning_is_not_tuned() -> None:
    assert "beta" in knobs("nmer")
    assert "beta" not in knobs({"name": "nmer", "vae": "off"})


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({"name": "logreg", "C": 1.0}, "nothing left to tune.*sets C"),
        (f"{HERE}:Untunable", "has no search space; expected `search_space`"),
        (f"{HERE}:Misspelt", "'strenght': no such setting; did you mean 'strength'"),
        (f"{HERE}:Outside", "the method refuses -1.0"),
    ],
)
def test_a_method_that_cannot_be_tuned_is_refused(method, says) -> None:
    with pytest.raises(ConfigError, match=says):
        knobs(method)


def test_values_are_put_where_a_suite_has_them() -> None:
    entry = load_suite("quick").suite.methods[5]
    changed = with_values(entry, {"stage2.lr": 0.01, "forward_weight": 3.0})
    assert changed.stages["stage2"].lr == 0.01
    assert changed.settings.model_dump()["forward_weight"] == 3.0
    assert (changed.label, changed.training) == (entry.label, entry.training)


def test_an_edge_that_a_setting_cannot_go_beyond_is_none() -> None:
    knob = knobs("zero_fill")["dropout"]
    entry = load_suite("quick").suite.methods[1]
    assert not at_edge(entry, knob, 0.0)  # no dropout is less than none
    assert at_edge(entry, knob, 0.6)


def test_an_equal_budget_counts_what_a_trial_trains() -> None:
    suite = load_suite("quick", ["training.equal_budget=true"]).suite
    totals = {
        m.label: sum(stage.total_epochs for stage in m.training) for m in build_methods(suite)
    }
    assert totals.pop("logreg") == 0  # it has no epochs
    assert len({*totals.values()}) == 1
