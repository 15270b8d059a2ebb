import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from merbench.analysis.build import analyse
from merbench.results.averages import evaluate, grid_mean
from merbench.results.metrics import confusion_metric
from merbench.results.tables import PREDICTIONS
from merbench.results.tally import read_tally
from tests.analysis.world import World

RECORD = {
    "suite": {"name": "w", "contrasts": [["good", "poor"], ["good", "twin"], ["twin", "good"]]},
    "folds": [{"train": 300, "test": 100}] * 6,
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    world = World(
        {"good": 0.6, "poor": 0.45, "twin": 0.6}, folds=6, speakers=2, luck=0.02, record=RECORD
    )
    return world.write(tmp_path_factory.mktemp("contrasts") / "run")


@pytest.fixture(scope="module")
def findings(directory):
    return analyse(directory, draws=2000)


@pytest.fixture(scope="module")
def by_fold(directory):
    """Grid means of WA (method, fold), mean over seeds."""
    tally = read_tally(directory / PREDICTIONS)
    average = grid_mean(tally.header.conditions)
    return evaluate(average, confusion_metric("wa"), tally.confusion.counts).mean(axis=1)


def contrast(findings, method, against, metric="wa"):
    frame = findings.contrasts
    chosen = (frame["method"] == method) & (frame["against"] == against)
    return frame[chosen & (frame["metric"] == metric)].iloc[0]


def test_tests_over_folds_are_scipys_on_the_seed_means(findings, by_fold):
    row, differences = contrast(findings, "good", "poor"), by_fold[0] - by_fold[1]
    assert row["wilcoxon_p"] == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)
    flips = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert row["sign_flip_p"] == pytest.approx(flips.pvalue)
    se = np.sqrt((1 / 6 + 1 / 3) * differences.var(ddof=1))
    t = differences.mean() / se
    assert row["corrected_t_p"] == pytest.approx(2 * stats.t.sf(abs(t), 5))
    assert row["better"] == pytest.approx(
        stats.t.sf(0.01, 5, loc=differences.mean(), scale=se), abs=1e-6
    )
    assert row["better"] + row["equivalent"] + row["worse"] == pytest.approx(1)
    assert row["wilcoxon_smallest"] == row["sign_flip_smallest"] == pytest.approx(2 / 2**6)


def test_mcnemar_is_that_of_one_fold_and_seed(findings, directory):
    hits = read_tally(directory / PREDICTIONS).hits
    a, b = (
        next(h for k, h in hits.items() if k == (method, "1", 0)) for method in ("good", "poor")
    )
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    expected = mcnemar(table, exact=True).pvalue
    assert contrast(findings, "good", "poor")["mcnemar_p"] == pytest.approx(expected)


def test_p_is_holm_adjusted_over_the_pairs_of_a_metric(findings):
    for _, rows in findings.contrasts.groupby("metric"):
        expected = multipletests(rows["p"], method="holm")[1]
        np.testing.assert_allclose(rows["p_holm"], expected)


def test_exploration_is_benjamini_hochberg_over_all_of_it(findings):
    frame = findings.exploratory
    assert len(frame) == 3 * len(findings.header.conditions)
    np.testing.assert_allclose(frame["q"], multipletests(frame["p"], method="fdr_bh")[1])


def test_a_pair_turned_round_is_the_same_with_its_sign_changed(findings):
    there, back = contrast(findings, "good", "twin"), contrast(findings, "twin", "good")
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["low"] == pytest.approx(-back["high"])
    assert there["p"] == pytest.approx(back["p"])
    assert there["better"] == pytest.approx(back["worse"])


def test_a_true_difference_is_found_and_a_twin_is_not(findings):
    assert contrast(findings, "good", "poor")["p_holm"] < 0.001
    assert contrast(findings, "good", "poor")["difference"] == pytest.approx(0.15, abs=0.03)
    assert contrast(findings, "good", "twin")["p"] > 0.05
    said = {s.kind: s.text for s in findings.verdict}
    assert "good is better than poor" in " ".join(s.text for s in findings.verdict)
    assert "No difference" in " ".join(s.text for s in findings.verdict if s.kind != "limit")
    assert "lead" in said


def test_few_folds_are_told_that_they_cannot_be_significant(tmp_path):
    record = {"suite": {"name": "w", "contrasts": [["a", "b"]]}}
    world = World({"a": 0.9, "b": 0.4}, folds=5, speakers=2, record=record)
    found = analyse(world.write(tmp_path / "run"), draws=500)
    row = contrast(found, "a", "b")
    assert row["wilcoxon_p"] == row["wilcoxon_smallest"] == pytest.approx(0.0625)
    assert "cannot be significant at this size" in row["note"]
    assert row["p_holm"] < 0.001  # the interval over speakers and seeds is another matter
    limits = [s.text for s in found.verdict if s.kind == "limit"]
    assert any("5 folds cannot reach p < .05" in text for text in limits)


def test_default_contrasts_are_nmer_against_every_other_method(tmp_path):
    world = World({"zero_fill": 0.6, "mmin": 0.6, "nmer": 0.6}, seeds=(0, 1))
    found = analyse(world.write(tmp_path / "run"), draws=200).contrasts
    assert [*found[found["metric"] == "ua"]["against"]] == ["zero_fill", "mmin"]
    assert {*found["method"]} == {"nmer"}
