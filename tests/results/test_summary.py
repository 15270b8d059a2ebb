"""Every expected value here is worked out by hand from the words below.

Truth is `0001` in fold x and `0111` in fold y. Predictions, by method `one`:

    a       x 0001 all right          y 0111 all right
    b       x 0000: the 1 is missed   y 0000: the three 1s are missed
    a+b     x 1111                    y 1111

so pooled over folds (four 0s, four 1s): a has UA 1, b recalls (1, 0), a+b recalls (0, 1).
"""

import dataclasses

import numpy as np
import pytest

from merbench.errors import IncompleteError
from merbench.results.averages import evaluate
from merbench.results.conditions import NO_NOISE, ConditionKey, NoiseColumn
from merbench.results.confusion import read_confusion
from merbench.results.metrics import confusion_metric
from merbench.results.render import to_markdown
from merbench.results.severity import severity_points
from merbench.results.summary import overview, summary_table, summary_tables
from merbench.results.tables import PREDICTIONS, write_tables

ABSENT = NoiseColumn("gaussian", "absent")
UA, WA, F1 = (confusion_metric(name) for name in ("ua", "wa", "f1"))
RIGHT = {"x": "0001", "y": "0111"}
# a clean, a .18, a .9, b clean, b .18, b .9, a+b clean
GOOD = {f: [RIGHT[f], RIGHT[f], "0000", "0000", RIGHT[f], "1111", "1111"] for f in "xy"}
ZEROS = {f: ["0000"] * 7 for f in "xy"}


@pytest.fixture
def confusion_of(run, cell, tmp_path):
    def build(words, lacking=()):
        cells = [
            cell(*key, words(key.method, key.seed)[key.fold])
            for key in run.header.cells
            if tuple(key) not in lacking
        ]
        write_tables(tmp_path, run, cells)
        return read_confusion(tmp_path / PREDICTIONS)

    return build


@pytest.fixture
def confusion(confusion_of):
    """Method one is GOOD with seed 0 and says 0 with seed 1; method two always says 0."""
    return confusion_of(lambda method, seed: GOOD if (method, seed) == ("one", 0) else ZEROS)


def of(table, method, column):
    frame = table.frame
    return frame[(frame["method"] == method) & (frame["column"] == column)].iloc[0]


def test_columns_are_the_partial_patterns_their_averages_and_then_the_complete_one(confusion):
    assert summary_table(confusion, UA, NO_NOISE).columns == ("a", "b", "mean", "pooled", "a+b")


def test_noise_on_absent_modalities_has_no_complete_column(confusion):
    assert summary_table(confusion, UA, ABSENT).columns == ("a", "b", "mean", "pooled")


def test_a_cell_is_the_pooled_value_averaged_over_seeds(confusion):
    table = summary_table(confusion, UA, NO_NOISE)
    assert of(table, "one", "a")["value"] == pytest.approx((1 + 0.5) / 2)
    assert of(table, "one", "b")["value"] == pytest.approx(0.5)
    assert of(table, "two", "a")["value"] == pytest.approx(0.5)
    assert of(table, "one", "a")["seed_sd"] == pytest.approx(0.5 / np.sqrt(2))
    assert of(table, "one", "a")["seeds"] == 2


def test_mean_is_of_columns_and_pooled_of_one_confusion_matrix_complete_in_neither(confusion):
    # F1 tells them apart. Seed 0: a has F1 1; b says 0 eight times: F1 of 0 is 2*4/(4+8) = 2/3.
    # Together: 8 true 0s all found, 12 times said; 8 true 1s, 4 found.
    table = summary_table(confusion, F1, NO_NOISE)
    says_zero = (2 / 3 + 0) / 2
    pooled = (2 * 8 / (8 + 12) + 2 * 4 / (8 + 4)) / 2
    mean = (1 + says_zero) / 2
    assert of(table, "one", "mean")["value"] == pytest.approx((mean + says_zero) / 2)
    assert of(table, "one", "pooled")["value"] == pytest.approx((pooled + says_zero) / 2)
    assert of(table, "one", "mean")["n"] == 8
    assert of(table, "one", "pooled")["n"] == 16


def test_fold_values_stand_beside_the_pooled_one_and_differ_from_it(confusion):
    # WA of saying 0: 3/4 in fold x, 1/4 in fold y; of a, seed 0: 1 and 1.
    table = summary_table(confusion, WA, NO_NOISE)
    assert of(table, "two", "b")["value"] == pytest.approx(0.5)
    assert of(table, "two", "b")["fold_mean"] == pytest.approx(0.5)
    assert of(table, "two", "b")["fold_sd"] == pytest.approx(np.std([0.75, 0.25], ddof=1))
    assert of(table, "one", "a")["fold_mean"] == pytest.approx((7 / 8 + 5 / 8) / 2)
    assert of(table, "one", "a")["fold_sd"] == pytest.approx(np.std([7 / 8, 5 / 8], ddof=1))
    # F1 is not linear: pooled 1/3, but (3/7 + 1/5) / 2 by fold.
    f1 = of(summary_table(confusion, F1, NO_NOISE), "two", "b")
    assert f1["value"] == pytest.approx(1 / 3)
    assert f1["fold_mean"] == pytest.approx((6 / 7 / 2 + 2 / 5 / 2) / 2)


def test_a_noise_cell_is_averaged_over_its_severities(confusion):
    # Seed 0: a is 1 at .18 and .5 at .9; b is 1 and .5. Seed 1: .5 throughout.
    table = summary_table(confusion, UA, ABSENT)
    assert of(table, "one", "a")["value"] == pytest.approx((0.75 + 0.5) / 2)
    assert of(table, "one", "mean")["value"] == pytest.approx((0.75 + 0.5) / 2)


def test_pooled_joins_patterns_within_a_severity_only(confusion):
    # F1, seed 0: at .18 both patterns are right: 1. At .9 a says 0 and b says 1: each recall is
    # one half and each class is said 8 of 16 times: F1 1/2. Seed 1 says 0: 1/3.
    table = summary_table(confusion, F1, ABSENT)
    assert of(table, "one", "pooled")["value"] == pytest.approx(((1 + 0.5) / 2 + 1 / 3) / 2)


def test_overview_has_the_partial_mean_the_complete_and_the_grid_mean(confusion):
    table = overview(confusion, UA)
    assert table.columns == ("partial mean", "complete", "grid mean")
    assert of(table, "one", "partial mean")["value"] == pytest.approx((0.75 + 0.5) / 2)
    assert of(table, "one", "complete")["value"] == pytest.approx(0.5)
    assert of(table, "one", "grid mean")["value"] == pytest.approx((0.75 + 0.5) / 2)


def test_grid_mean_weighs_severities_then_noises_then_patterns_equally(run, cell, tmp_path):
    conditions = (
        ConditionKey("a"),
        ConditionKey("a", "gaussian", "present", 1, 0.2, 0.2),
        ConditionKey("a", "gaussian", "present", 2, 0.4, 0.4),
        ConditionKey("a", "gaussian", "present", 3, 0.6, 0.6),
        ConditionKey("a", "burst", "present", None, 0.5, 0.5),
        ConditionKey("b", "gaussian", "present", 1, 0.2, 0.2),
        ConditionKey("a+b", "rates", "random", None, 0.2, 0.2),  # is missing, and not noised
    )
    header = dataclasses.replace(run.header, conditions=conditions, methods=("one",), seeds=(0,))
    right = RIGHT
    words = {f: ["0000", right[f], right[f], "0000", "0000", right[f], "0000"] for f in "xy"}
    run = dataclasses.replace(run, header=header)
    write_tables(tmp_path, run, [cell(*key, words[key.fold]) for key in header.cells])
    table = overview(read_confusion(tmp_path / PREDICTIONS), UA)
    assert table.columns == ("partial mean", "grid mean")
    gaussian = (1 + 1 + 0.5) / 3
    assert of(table, "one", "grid mean")["value"] == pytest.approx(((gaussian + 0.5) / 2 + 1) / 2)


def test_draws_are_averaged_not_pooled(run, cell, tmp_path):
    conditions = tuple(ConditionKey("a", "burst", "present", None, 0.5, 0.5, d) for d in (0, 1))
    header = dataclasses.replace(run.header, conditions=conditions, methods=("one",), seeds=(0,))
    run = dataclasses.replace(run, header=header)
    cells = [cell(*key, [RIGHT[key.fold], "0000"]) for key in header.cells]
    write_tables(tmp_path, run, cells)
    table = summary_table(read_confusion(tmp_path / PREDICTIONS), F1, conditions[0].column)
    assert of(table, "one", "pooled")["value"] == pytest.approx((1 + 1 / 3) / 2)
    assert "1 severity and 2 draws" in table.caption


def test_captions_say_what_is_in_the_table(confusion):
    assert summary_table(confusion, UA, ABSENT).caption == (
        "UA in %, pooled out-of-fold over 2 folds, averaged over 2 seeds and 2 severities; "
        "mean and pooled cover the 2 partial patterns."
    )
    titles = [table.title for table in summary_tables(confusion, WA)]
    assert titles == ["WA, missing modalities, no noise", "WA, gaussian noise on absent modalities"]


def test_a_run_with_holes_is_refused_with_their_names(confusion_of):
    holes = confusion_of(lambda *_: GOOD, lacking=[("one", "y", 1), ("two", "x", 0)])
    for table in (summary_tables, overview):
        with pytest.raises(
            IncompleteError, match=r"\(one, fold y, seed 1\), \(two, fold x, seed 0\)"
        ):
            table(holes, UA)


def test_partial_shows_whole_seeds_only_and_blanks_otherwise(confusion_of):
    lacking = [("one", "y", 1), ("two", "x", 0), ("two", "x", 1)]
    holes = confusion_of(lambda _, seed: GOOD if seed == 0 else ZEROS, lacking)
    table = summary_table(holes, UA, NO_NOISE, partial=True)
    assert of(table, "one", "a")["value"] == 1  # seed 0 alone
    assert of(table, "one", "a")["seeds"] == 1
    assert np.isnan(of(table, "two", "a")["value"])
    assert of(table, "two", "a")["n"] == 0
    assert table.wide().loc["two"].isna().all()
    assert table.caption.endswith("Incomplete: 3 cells missing.")


def test_a_run_without_any_cell_is_refused_even_when_partial(confusion_of, run):
    empty = confusion_of(lambda *_: GOOD, lacking=[tuple(key) for key in run.header.cells])
    with pytest.raises(IncompleteError, match="no finished cell"):
        summary_table(empty, UA, NO_NOISE, partial=True)


def curves_of(confusion, column):
    """Return the UA of the first method at every point, by name and severity."""
    counts = confusion.counts[0].sum(axis=1)
    return {
        name: {
            severity: evaluate(average, UA, counts).mean() for severity, average in points.items()
        }
        for name, points in severity_points(confusion.header, column).items()
    }


def test_curves_over_absent_modalities_start_at_complete_clean_data(confusion_of):
    assert curves_of(confusion_of(lambda *_: GOOD), ABSENT) == {
        "mean": {0.0: 0.5, 0.18: 1.0, 0.9: 0.5},
        "a": {0.0: 0.5, 0.18: 1.0, 0.9: 0.5},
        "b": {0.0: 0.5, 0.18: 1.0, 0.9: 0.5},
    }


def test_curves_over_present_modalities_start_at_the_patterns_own_clean_column(run, cell, tmp_path):
    conditions = (
        ConditionKey("a"),
        ConditionKey("a", "burst", "present", None, 0.5, 0.5),
        ConditionKey("b"),
        ConditionKey("b", "burst", "present", None, 0.5, 0.5),
        ConditionKey("b", "burst", "present", None, 0.8, 0.8),
    )
    header = dataclasses.replace(run.header, conditions=conditions, methods=("one",), seeds=(0,))
    run = dataclasses.replace(run, header=header)
    words = {f: [RIGHT[f], "0000", "0000", RIGHT[f], "0000"] for f in "xy"}
    write_tables(tmp_path, run, [cell(*key, words[key.fold]) for key in header.cells])
    curves = curves_of(read_confusion(tmp_path / PREDICTIONS), conditions[1].column)
    assert curves["a"] == {0.0: 1.0, 0.5: 0.5}
    assert curves["b"] == {0.0: 0.5, 0.5: 1.0, 0.8: 0.5}
    # .8 has one pattern only: a mean there would be over other members.
    assert curves["mean"] == {0.0: 0.75, 0.5: 0.75}


def test_captions_name_who_met_the_noise_in_training_and_who_takes_it_for_absent(confusion):
    header = dataclasses.replace(
        confusion.header,
        seen={"gaussian": ("one",)},
        shown_as={"one": "one (late fusion)"},
        noised_as_absent=("one",),
    )
    table = summary_table(dataclasses.replace(confusion, header=header), WA, ABSENT)
    assert "seen in training by one (late fusion)" in table.caption
    assert "noised counts as absent for one (late fusion)" in table.caption
    assert "one (late fusion)" in to_markdown(table)
