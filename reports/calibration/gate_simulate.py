"""Pairs of runs with known truth: what the calibration of the gate is made on.

Sizes of luck are those that `gate_luck.py` finds in real runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from simulate import CLASS_SPREAD, CLUSTER_SD, Layout

from merbench.check.reference import Reference
from merbench.results.conditions import ConditionKey
from merbench.results.header import TableHeader
from merbench.results.tally import Units
from merbench.store.identity import Identity

# Sd of one model's luck in shares of utterances: common to its conditions (by method), and in each.
COMMON_LUCK = (0.006, 0.011, 0.006, 0.010, 0.008, 0.024, 0.006, 0.024)
CONDITION_LUCK = 0.008
# Variance of an utterance's latent score; the parts add up to 1.
OF_UTTERANCE = 0.545  # common to all models and conditions
OF_DRAW = 0.265  # of one condition, common to models: what its corruption did to the utterance
OF_MODEL = 0.075  # of one model, common to conditions
OF_BOTH = 0.115  # of one model under one condition
NOISES = {"gaussian": 0.06, "burst": 0.05}
SEVERITIES = (0.4, 0.8)
# Share of utterances that are right in each pattern without noise.
PATTERNS = {
    "audio": 0.45,
    "visual": 0.45,
    "text": 0.57,
    "audio+visual": 0.55,
    "audio+text": 0.64,
    "visual+text": 0.60,
    "audio+visual+text": 0.67,
}
NO_NOISE = "none"


@dataclass(frozen=True)
class Experiment:
    """A run and its reference.

    Attributes:
        name: for tables.
        layout: who is tested by which fold's model.
        seeds: S.
        methods: M.
        redrawn: whether each run meets corruptions of its own.
        shared: share of the variance of luck that two models of one fold and seed have in common.
        kept: chance that a cell of the run is that of the reference.
        of_seed: share of the variance of luck that all folds of a seed have in common; the gate
            takes it for 0.
        worse: true drop of the first method under all conditions, in shares of utterances.
    """

    name: str
    layout: Layout
    seeds: int
    methods: int
    redrawn: bool = False
    shared: float = 0.0
    kept: float = 0.0
    of_seed: float = 0.0
    worse: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """Everything random about a run and its reference.

    Attributes:
        chance: (2, S, M, K, G, C) how likely the models of both are right.
        scores: (2, S, M, K, n) latent scores; an utterance is right below the limit of its chance.
        wrong: (n,) class that is said where the right one is not.
        kept: (M, S, G) whether a cell of the run is that of the reference.
    """

    chance: NDArray[np.float64]
    scores: NDArray[np.float32]
    wrong: NDArray[np.int64]
    kept: NDArray[np.bool_]


def conditions() -> tuple[ConditionKey, ...]:
    """Return the simulated grid: seven patterns, free of noise and under two noises."""
    found = []
    for pattern in PATTERNS:
        found.append(ConditionKey(pattern, NO_NOISE, "", None, 0.0, 0.0, 0))
        found += [
            ConditionKey(pattern, noise, "present", None, severity, severity, 0)
            for noise in NOISES
            for severity in SEVERITIES
        ]
    return tuple(found)


def draw(experiment: Experiment, rng: np.random.Generator) -> Drawn:
    """Draw a run and its reference, whose models come from one distribution."""
    layout, grid = experiment.layout, conditions()
    models = (2, experiment.seeds, experiment.methods)
    folds_of_clusters = layout.folds_of_clusters
    folds, clusters = int(folds_of_clusters.max()) + 1, len(folds_of_clusters)
    n = len(layout.labels)

    def of_models(*shape: int) -> NDArray[np.float32]:
        fresh = rng.standard_normal((*models, *shape), np.float32)
        if experiment.shared:
            both = rng.standard_normal((1, *models[1:], *shape), np.float32)
            fresh *= np.float32(np.sqrt(1 - experiment.shared))
            fresh += np.float32(np.sqrt(experiment.shared)) * both
        return fresh

    common = np.array(COMMON_LUCK)[: experiment.methods, None, None] * of_models(1, folds)
    if experiment.of_seed:
        common *= np.sqrt(1 - experiment.of_seed)
        sd = np.sqrt(experiment.of_seed) * np.array(COMMON_LUCK)[: experiment.methods, None, None]
        common = common + sd * of_models(1, 1)
    luck = common + CONDITION_LUCK * of_models(len(grid), folds)
    base = np.array(
        [PATTERNS[c.pattern] - c.severity * (NOISES[c.noise] if c.severity else 0) for c in grid]
    )
    speakers = CLUSTER_SD * rng.standard_normal(clusters)
    of_class = np.linspace(-CLASS_SPREAD, CLASS_SPREAD, layout.classes)
    chance = base[:, None] + luck[..., folds_of_clusters] + speakers
    draws = 2 if experiment.redrawn else 1
    scores = np.float32(np.sqrt(OF_BOTH)) * of_models(len(grid), n)
    scores += np.float32(np.sqrt(OF_MODEL)) * of_models(1, n)
    scores += np.float32(np.sqrt(OF_DRAW)) * rng.standard_normal(
        (draws, 1, 1, len(grid), n), np.float32
    )
    scores += np.float32(np.sqrt(OF_UTTERANCE)) * rng.standard_normal(n, np.float32)
    # The same wrong class for every model: which one matters to neither WA nor UA.
    wrong = (layout.labels + rng.integers(1, layout.classes, n)) % layout.classes
    kept = rng.random((experiment.methods, experiment.seeds, folds)) < experiment.kept
    return Drawn(chance[..., None] + of_class, scores, wrong, kept[..., folds_of_clusters])


def count(
    experiment: Experiment, drawn: Drawn, drop: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Count what a run and its reference say.

    Args:
        experiment: what was drawn.
        drawn: by `draw`.
        drop: (M, K) of the run, in shares of utterances.

    Returns:
        (method, seed, cluster, condition, true class, predicted class) of the run and of the
        reference.
    """
    found = count_run(experiment, drawn, 0, drop)
    reference = count_run(experiment, drawn, 1, np.zeros_like(drop))
    found[drawn.kept] = reference[drawn.kept]
    return found, reference


def right_of(
    experiment: Experiment, drawn: Drawn, run: int, drop: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return (S, M, K, n) whether one of the two is right: run 0, or its reference, 1."""
    layout = experiment.layout
    chance = drawn.chance[run] - drop[..., None, None]
    limits = ndtri(np.clip(chance, 0.02, 0.98)).astype(np.float32)
    places = layout.clusters * layout.classes + layout.labels
    right: NDArray[np.bool_] = (
        drawn.scores[run] < limits.reshape(*limits.shape[:3], -1)[..., places]
    )
    return right


def count_run(
    experiment: Experiment, drawn: Drawn, run: int, drop: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Count what one of the two says: run 0, or its reference, 1."""
    layout = experiment.layout
    right = right_of(experiment, drawn, run, drop)
    classes, clusters, n = layout.classes, len(layout.folds_of_clusters), right.shape[-1]
    # A wrong answer is one cell of the matrix, a right one another.
    places = (layout.clusters * classes + layout.labels) * classes
    of_wrong, of_right = np.zeros((2, n, clusters * classes**2), np.float32)
    of_wrong[np.arange(n), places + drawn.wrong] = 1
    of_right[np.arange(n), places + layout.labels] = 1
    said = right.reshape(-1, n).astype(np.float32) @ (of_right - of_wrong) + of_wrong.sum(axis=0)
    counts = said.astype(np.int32).reshape(*right.shape[:3], clusters, classes, classes)
    return np.ascontiguousarray(counts.transpose(1, 0, 3, 2, 4, 5))


def reference_of(
    experiment: Experiment, counts: NDArray[np.int32], draws: str = "drawn once"
) -> Reference:
    """Return counts as what the gate takes."""
    layout = experiment.layout
    clusters = tuple(f"speaker {g:02}" for g in range(len(layout.folds_of_clusters)))
    folds = tuple(f"fold {f:02}" for f in range(int(layout.folds.max()) + 1))
    grid = conditions()
    header = TableHeader(
        corpus="simulated",
        modalities=("audio", "visual", "text"),
        classes=tuple(f"class {c}" for c in range(layout.classes)),
        methods=tuple(f"method {m}" for m in range(experiment.methods)),
        folds=folds,
        seeds=tuple(range(experiment.seeds)),
        conditions=grid,
    )
    units = Units(
        "speaker",
        clusters,
        np.arange(len(clusters)),
        layout.folds_of_clusters,
        np.bincount(layout.clusters),
    )
    protocol = Identity(corpus="", conditions="", count=len(grid), noises={}, draws=draws, folds={})
    return Reference("simulated", "", protocol, {}, "", header, units, counts)


def no_drop(experiment: Experiment) -> NDArray[np.float64]:
    """Return a (M, K) drop of nothing."""
    return np.zeros((experiment.methods, len(conditions())))


def true_drop(experiment: Experiment) -> NDArray[np.float64]:
    """Return the (M, K) drop of the run."""
    drop = no_drop(experiment)
    drop[0] = experiment.worse
    return drop


def where(noise: str | None) -> Sequence[int]:
    """Return the positions of the conditions of a noise, of all where it is None."""
    return [k for k, c in enumerate(conditions()) if noise in (None, c.noise)]
