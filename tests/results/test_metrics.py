import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from merbench.errors import ConfigError
from merbench.results.metrics import (
    METRICS,
    ConfusionMetric,
    ProbabilityMetric,
    confusion_matrix,
    confusion_metric,
)


def present_recall(y, p):
    return recall_score(y, p, average="macro", labels=np.unique(y), zero_division=0)


def macro_f1(y, p):
    return f1_score(y, p, average="macro", zero_division=0)


def weighted_f1(y, p):
    return f1_score(y, p, average="weighted", zero_division=0)


ORACLES = {"wa": accuracy_score, "ua": present_recall, "f1": macro_f1, "weighted_f1": weighted_f1}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(("true", "said"), [(5, 5), (3, 5), (5, 2), (2, 3)])
def test_agrees_with_scikit_learn_also_where_classes_are_missing(name, true, said):
    rng = np.random.default_rng(true * 10 + said)
    labels = rng.integers(0, true, 40)
    predictions = rng.integers(0, said, (6, 40))
    values = confusion_metric(name)(confusion_matrix(labels, predictions, 5))
    expected = [ORACLES[name](labels, p) for p in predictions]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_hand_values_of_one_matrix():
    counts = np.array([[3, 1, 0], [2, 2, 0], [0, 0, 2]])
    assert confusion_metric("wa")(counts) == pytest.approx(7 / 10)
    assert confusion_metric("ua")(counts) == pytest.approx((3 / 4 + 2 / 4 + 1) / 3)
    assert confusion_metric("f1")(counts) == pytest.approx((6 / 9 + 4 / 7 + 1) / 3)
    assert confusion_metric("weighted_f1")(counts) == pytest.approx(
        (4 * 6 / 9 + 4 * 4 / 7 + 2 * 1) / 10
    )


def test_ua_leaves_out_a_class_that_nobody_has():
    counts = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert confusion_metric("ua")(counts) == pytest.approx((3 / 4 + 1) / 2)


@pytest.mark.parametrize("name", ORACLES)
def test_leading_axes_are_computed_at_once(name):
    counts = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 4))
    metric = confusion_metric(name)
    at_once = metric(counts)
    assert at_once.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert at_once[index] == metric(counts[index])


@pytest.mark.parametrize("name", ORACLES)
def test_an_empty_matrix_has_no_value(name):
    values = confusion_metric(name)(np.array([np.zeros((3, 3), int), np.eye(3, dtype=int)]))
    assert np.isnan(values[0])
    assert values[1] == 1


def test_nll_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(4), (3, 50))
    labels = rng.integers(0, 4, 50)
    values = METRICS["nll"](probabilities, labels, probabilities.argmax(-1))
    expected = [log_loss(labels, p, labels=range(4)) for p in probabilities]
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_nll_of_an_impossible_truth_is_that_of_one_in_a_million():
    value = METRICS["nll"](np.array([[[1.0, 0.0]]]), np.array([1]), np.array([[0]]))
    assert value == pytest.approx(np.log(1e6))
    assert METRICS["nll"].bounds.high == pytest.approx(np.log(1e6))


def test_ece_by_hand():
    # Confidence .9 twice (bin 14), one right; .6 once (bin 9 is (8/15, 9/15]), right.
    probabilities = np.array([[[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]])
    value = METRICS["ece"](probabilities, np.array([0, 1, 1]), np.array([[0, 0, 1]]))
    assert value == pytest.approx((abs(1.8 - 1) + abs(0.6 - 1)) / 3)


def test_ece_lets_errors_cancel_within_a_bin_only():
    # .61 and .66 share the bin (9/15, 10/15]; .61 and .72 do not.
    labels, predictions = np.array([0, 1]), np.array([[0, 0]])
    same = np.array([[[0.61, 0.39], [0.66, 0.34]]])
    apart = np.array([[[0.61, 0.39], [0.72, 0.28]]])
    assert METRICS["ece"](same, labels, predictions) == pytest.approx(abs(0.61 + 0.66 - 1) / 2)
    assert METRICS["ece"](apart, labels, predictions) == pytest.approx((0.39 + 0.72) / 2)


def test_ece_uses_the_probability_of_what_was_predicted_not_the_largest():
    value = METRICS["ece"](np.array([[[0.7, 0.3]]]), np.array([1]), np.array([[1]]))
    assert value == pytest.approx(0.7)


def test_ece_agrees_with_a_plain_loop():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.ones(3), (4, 200))
    labels, predictions = rng.integers(0, 3, 200), probabilities.argmax(-1)
    values = METRICS["ece"](probabilities, labels, predictions)
    for k in range(4):
        confidence = probabilities[k].max(-1)
        right = predictions[k] == labels
        gap = 0.0
        for low in np.arange(15):
            inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
            if inside.any():
                gap += inside.sum() / 200 * abs(right[inside].mean() - confidence[inside].mean())
        assert values[k] == pytest.approx(gap)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_stays_within_its_bounds_and_prefers_the_truth(metric):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 30)
    probabilities = np.stack([np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]])
    predictions = probabilities.argmax(-1)
    if isinstance(metric, ConfusionMetric):
        good, bad = metric(confusion_matrix(labels, predictions, 3))
    else:
        assert isinstance(metric, ProbabilityMetric)
        good, bad = metric(probabilities, labels, predictions)
    ends = (metric.bounds.low, metric.bounds.high)
    assert (good, bad) == pytest.approx(ends[::-1] if metric.higher_is_better else ends)
    assert metric.doc


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'weighted_f1'"):
        confusion_metric("weightedf1")
    with pytest.raises(ConfigError, match="'nll' is not one of a confusion matrix"):
        confusion_metric("nll")
