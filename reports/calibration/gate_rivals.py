"""Other ways to find what dropped, on the rules of the gate: why models are exchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from gate_simulate import conditions
from numpy.typing import NDArray

from merbench.analysis.quantities import Matrices, quantities_of
from merbench.check.effects import effects
from merbench.check.reference import Reference
from merbench.results.metrics import confusion_metric
from merbench.statistics.corrections import holm
from merbench.statistics.estimate import Estimate, draw_samples, estimate
from merbench.statistics.exchange import signs_of

Floats = NDArray[np.float64]
METRICS = ("wa", "ua", "f1")
DRAWS = 400
BOOTSTRAP = "cluster bootstrap, max-T"
HOLM = "Holm over the report's intervals"
ALONE = "exchanges, each rule by itself"


class Claims(NamedTuple):
    """What one way says of the rules.

    Attributes:
        delta: (J,) difference of each rule.
        p: (J,) of "no drop" against a drop.
    """

    delta: Floats
    p: Floats


def weights_of(run: Reference) -> Floats:
    """Return (J, K) weights of conditions in the groups of the gate."""
    groups = quantities_of(run.header)
    matrices = Matrices(len(conditions()), groups.values())
    return np.stack([matrices.weights(average) for average in groups.values()])


def effects_of(run: Reference, reference: Reference, weights: Floats, *, folds: bool) -> Floats:
    """Return (block, rule) effects; blocks are whole folds, or pairs of trained models."""
    found = [
        effects(run.by_fold(method), reference.by_fold(method), confusion_metric(metric))
        @ weights.T
        for method in run.header.methods
        for metric in METRICS
    ]
    table = np.concatenate(found, axis=-1)
    return table.sum(axis=0) if folds else table.reshape(-1, table.shape[-1])


def alone(table: Floats) -> Claims:
    """Flip the signs of each rule's effects by itself."""
    signs = signs_of(len(table), 2_000)
    return Claims(table.sum(axis=0), (signs @ table <= table.sum(axis=0) + 1e-9).mean(axis=0))


def by_clusters(
    run: Reference, reference: Reference, weights: Floats, *, paired: bool
) -> dict[str, Claims]:
    """Resample clusters: all rules together, or an interval for each with Holm's correction."""
    units = run.units
    sampling = draw_samples(units.cluster, units.fold, DRAWS, np.random.default_rng(0))
    metrics = [confusion_metric(metric) for metric in METRICS]
    mine, other = (estimate(_matrices(one.counts), sampling, metrics) for one in (run, reference))
    found = [
        mine[metric].join(other[metric], np.subtract, paired=paired).map(_groups(weights))
        for metric in METRICS
    ]
    return {BOOTSTRAP: _studentised(found), HOLM: _corrected(found)}


def _matrices(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return (seed, unit, method and condition, C, C)."""
    moved = counts.transpose(1, 2, 0, 3, 4, 5)
    return moved.reshape(*moved.shape[:2], -1, *moved.shape[-2:])


def _groups(weights: Floats) -> Callable[[Floats], Floats]:
    return partial(_grouped, weights)


def _grouped(weights: Floats, values: Floats) -> Floats:
    of_methods = values.reshape(*values.shape[:-1], -1, weights.shape[1]) @ weights.T
    grouped: Floats = of_methods.reshape(*values.shape[:-1], -1)
    return grouped


def _studentised(found: list[Estimate]) -> Claims:
    value = np.concatenate([one.value for one in found])
    samples = np.concatenate([one.of_clusters for one in found], axis=1)
    error = samples.std(axis=0)
    known = error > 0
    largest = np.sort(((value - samples)[:, known] / error[known]).max(axis=1, initial=0.0))
    t = np.divide(-value, error, out=np.zeros_like(value), where=known)
    beyond = len(largest) - np.searchsorted(largest, t)
    return Claims(value, (1 + beyond) / (1 + len(largest)))


def _corrected(found: list[Estimate]) -> Claims:
    results = [one.intervals() for one in found]
    value = np.concatenate([result.value for result in results])
    p = np.concatenate([result.p for result in results])
    return Claims(value, holm(np.where(value < 0, p / 2, 1 - p / 2)))
