"""Corpora and predictions with known truth: what the calibration is made on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

# In shares of utterances, so .01 is one point.
BASE = 0.62
CLUSTER_SD = 0.08
INTERACTION_SD = 0.02
LUCK_SD = 0.02
CLASS_SPREAD = 0.10
# Of the latent scores; two models are then right together with a correlation of .6.
LATENT_CORRELATION = 0.81
DROPS = (0.0, 0.01, 0.02, 0.05)
SEEDS = 5


@dataclass(frozen=True)
class Layout:
    """Who is tested by which fold's model.

    Attributes:
        name: for tables.
        labels: (n,) true classes.
        clusters: (n,) speaker or dialogue of each utterance.
        folds: (n,) the fold that tests it.
        classes: C.
        grouped: whether clusters are known.
    """

    name: str
    labels: NDArray[np.int64]
    clusters: NDArray[np.int64]
    folds: NDArray[np.int64]
    classes: int
    grouped: bool = True

    @property
    def folds_of_clusters(self) -> NDArray[np.int64]:
        """(G,) the fold of each cluster."""
        order = np.unique(self.clusters, return_index=True)[1]
        return self.folds[order]

    @property
    def test_to_train(self) -> float:
        """n_test / n_train of the average fold."""
        return float(1 / self.folds.max())


def layouts(rng: np.random.Generator) -> tuple[Layout, ...]:
    """Return the layouts of the corpora that the suites use."""
    shares = np.array([0.30, 0.20, 0.20, 0.30])
    return (
        layout("one speaker a fold", rng, 5531, 10, 10, shares, spread=0.15),
        layout("sessions of two speakers", rng, 5531, 10, 5, shares, spread=0.15),
        layout("24 actors in 5 folds", rng, 1440, 24, 5, np.full(8, 1 / 8), spread=0.0),
        layout("31 dialogues in 5 folds", rng, 752, 31, 5, np.array([0.45, 0.55]), spread=0.6),
        layout("no groups, 5 folds", rng, 922, 5, 5, np.array([0.45, 0.55]), grouped=False),
    )


def layout(
    name: str,
    rng: np.random.Generator,
    size: int,
    clusters: int,
    folds: int,
    shares: NDArray[np.float64],
    spread: float = 0.0,
    grouped: bool = True,
) -> Layout:
    """Draw a layout; `spread` is the sd of the logarithm of the clusters' sizes."""
    weights = np.exp(spread * rng.standard_normal(clusters))
    ends = np.rint(np.cumsum(weights) / weights.sum() * size).astype(np.int64)
    of_cluster = np.searchsorted(ends, np.arange(size), side="right")
    # Like `folds.kind: group`: as even in clusters as can be.
    fold_of_cluster = np.arange(clusters) * folds // clusters
    labels = rng.choice(len(shares), size, p=shares)
    return Layout(name, labels, of_cluster, fold_of_cluster[of_cluster], len(shares), grouped)


@dataclass(frozen=True)
class Simulated:
    """Repetitions of one experiment.

    Attributes:
        counts: (S, G, R, 1 + drops, C, C) of method A, then B at each true drop.
        right: (R, 2, n of fold 0) of A and of B without a drop, in fold 0 and seed 0.
    """

    counts: NDArray[np.int32]
    right: NDArray[np.bool_]


def truth(layout: Layout, metric: str) -> float:
    """Return the expected WA or UA of method A."""
    of_class = BASE + _class_effects(layout.classes)
    return float(of_class[layout.labels].mean() if metric == "wa" else of_class.mean())


def _class_effects(classes: int) -> NDArray[np.float64]:
    return np.linspace(-CLASS_SPREAD, CLASS_SPREAD, classes)


def simulate(
    layout: Layout,
    repetitions: int,
    rng: np.random.Generator,
    common: float = 0.0,
) -> Simulated:
    """Draw predictions of two methods, the second also with a true drop of 0, 1, 2 and 5 points.

    A model is right about an utterance with a probability that adds up the class, the difficulty
    of the cluster, what the method makes of this cluster, and the luck of this fold's model, fresh
    in each seed but for its share `common`. Whether two models are right about the same utterance
    correlates.
    """
    n, classes = len(layout.labels), layout.classes
    folds_of_clusters = layout.folds_of_clusters
    groups, folds = len(folds_of_clusters), int(layout.folds.max()) + 1
    methods = 1 + len(DROPS)
    counts = np.empty((SEEDS, groups, repetitions, methods, classes, classes), np.int32)
    in_fold = np.flatnonzero(layout.folds == 0)
    right = np.empty((repetitions, 2, len(in_fold)), np.bool_)
    drops = np.array((0.0, *DROPS))
    which = np.array([0] + [1] * len(DROPS))
    cells = np.arange(SEEDS * methods)[:, None] * groups + layout.clusters
    cells = (cells * classes + layout.labels) * classes
    places = layout.clusters * classes + layout.labels
    for r in range(repetitions):
        clusters = CLUSTER_SD * rng.standard_normal((groups, 1))
        clusters = clusters + INTERACTION_SD * rng.standard_normal((groups, 2))
        # Without groups, an utterance has no neighbours and its score is all there is.
        clusters *= layout.grouped
        fresh = rng.standard_normal((SEEDS, 2, folds))
        lasting = rng.standard_normal((2, folds))
        luck = LUCK_SD * (np.sqrt(1 - common) * fresh + np.sqrt(common) * lasting)
        chance = (clusters.T + luck[:, :, folds_of_clusters])[:, which]
        chance = BASE + chance[..., None] + _class_effects(classes) - drops[:, None, None]
        limits = ndtri(np.clip(chance, 0.02, 0.98)).astype(np.float32)
        limits = limits.reshape(SEEDS, methods, -1)[:, :, places]
        score = np.sqrt(1 - LATENT_CORRELATION) * rng.standard_normal((SEEDS, 2, n), np.float32)
        score += np.float32(np.sqrt(LATENT_CORRELATION)) * rng.standard_normal(n, np.float32)
        correct = score[:, which] < limits
        # The same wrong class for every model: which one matters to neither WA nor UA.
        wrong = (layout.labels + rng.integers(1, classes, n)) % classes
        said = np.where(correct, layout.labels, wrong).reshape(SEEDS * methods, n)
        size = SEEDS * methods * groups * classes**2
        of_cells = np.bincount((cells + said).ravel(), minlength=size)
        of_cells = of_cells.reshape(SEEDS, methods, groups, classes, classes)
        counts[:, :, r] = of_cells.transpose(0, 2, 1, 3, 4)
        right[r] = correct[0, :2, in_fold].T
    return Simulated(counts, right)
