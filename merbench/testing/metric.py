"""What every metric of a confusion matrix must pass: it is resampled, scaled and averaged."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from merbench import registry
from merbench.contracts import breach
from merbench.results.metrics import ConfusionMetric
from merbench.seeds import generator

_SLACK = 1e-9


class MetricConformance:
    """Subclass it under a name that pytest collects, and say which metric.

        class TestKappa(MetricConformance):
            metric = KAPPA

    Attributes:
        metric: the object, its import path or its registered name.
    """

    metric: ClassVar[ConfusionMetric | str]

    @pytest.fixture
    def found(self) -> ConfusionMetric:
        """The metric itself."""
        if isinstance(self.metric, str):
            found: ConfusionMetric = registry.load("metrics", self.metric)
            return found
        return self.metric

    def test_keeps_its_contract(self, found: ConfusionMetric) -> None:
        """A name, bounds within -1 and 1, more is better, one line of documentation."""
        assert breach("metrics", getattr(found, "name", ""), found) is None
        assert found.label.strip(), "expected a label"
        assert found.doc.strip(), "expected one line of documentation"
        assert "\n" not in found.label + found.doc

    @pytest.mark.parametrize("classes", [2, 4, 7])
    def test_takes_any_leading_axes(self, found: ConfusionMetric, classes: int) -> None:
        """A whole grid is one call: (..., C, C) counts give (...) values."""
        counts = _counts(classes)
        whole = _value(found, counts)
        assert whole.shape == counts.shape[:-2], f"expected shape {counts.shape[:-2]}"
        assert whole.dtype == np.float64, f"expected float64, found {whole.dtype}"
        alone = [_value(found, one) for one in counts.reshape(-1, classes, classes)]
        np.testing.assert_allclose(whole.ravel(), np.array(alone), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("classes", [2, 4, 7])
    def test_stays_within_its_bounds(self, found: ConfusionMetric, classes: int) -> None:
        """Where a matrix has any utterance the metric has a value, whatever class it lacks."""
        values = _value(found, np.concatenate([_counts(classes), _one_sided(classes)]))
        assert np.isfinite(values).all(), "expected a value for every matrix that is not empty"
        low, high = found.bounds.low - _SLACK, found.bounds.high + _SLACK
        assert ((values >= low) & (values <= high)).all(), "values lie outside of the bounds"

    def test_an_empty_matrix_has_no_value(self, found: ConfusionMetric) -> None:
        """A resampled group may have no utterance at all: NaN, and no warning."""
        value = _value(found, np.stack([np.zeros((3, 3), int), np.eye(3, dtype=int)]))
        assert np.isnan(value[0]), "expected NaN of an empty matrix"
        assert np.isfinite(value[1]), "expected a value beside an empty matrix"

    @pytest.mark.parametrize("factor", [3, 0.25, 1e6])
    def test_knows_shares_and_not_numbers(self, found: ConfusionMetric, factor: float) -> None:
        """Counts are multiplied when seeds are exchanged; whole numbers may come as floats."""
        counts = _counts(4)
        scaled = _value(found, counts * factor)
        np.testing.assert_allclose(scaled, _value(found, counts), rtol=1e-9, atol=1e-9)

    def test_nothing_is_better_than_being_right(self, found: ConfusionMetric) -> None:
        """More is better, so a perfect prediction has the largest value."""
        counts = _counts(4)
        right = counts.sum(-1)[..., None] * np.eye(4, dtype=int)
        assert (_value(found, right) >= _value(found, counts) - _SLACK).all()
        assert (_value(found, right) > _value(found, np.roll(right, 1, -1))).all()

    def test_leaves_counts_alone(self, found: ConfusionMetric) -> None:
        """The same counts go to the next metric."""
        counts = _counts(3)
        before = counts.copy()
        _value(found, counts)
        assert np.array_equal(counts, before), "counts were changed"


def _value(
    metric: ConfusionMetric, counts: NDArray[np.integer] | NDArray[np.floating]
) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.asarray(metric(counts))


def _counts(classes: int) -> NDArray[np.int64]:
    """Return (5, 6, C, C) counts, more on the diagonal, some of them 0."""
    rng = generator("metric conformance", classes)
    counts = rng.poisson(1.5, (5, 6, classes, classes))
    counts += 4 * np.eye(classes, dtype=np.int64) * rng.integers(0, 2, (5, 6, 1, 1))
    counts[..., 0, 0] += 1
    return counts.astype(np.int64)


def _one_sided(classes: int) -> NDArray[np.int64]:
    """Return (6, 6, C, C) at most: all utterances are of one class, or all are taken for one."""
    found = np.zeros((2, 6, classes, classes), np.int64)
    found[0, :, 0] = np.arange(1, classes + 1)
    found[1, :, :, 0] = np.arange(1, classes + 1)
    found[:, 0] = 0
    found[:, 0, 0, 0] = 5
    found[0, 1] = 0
    found[0, 1, 0, 1] = 5
    return found
