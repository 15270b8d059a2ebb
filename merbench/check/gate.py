"""The gate itself: every rule of a run against its reference, exchanged together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.build import METRICS
from merbench.analysis.quantities import Matrices, quantities_of
from merbench.analysis.threads import one_thread
from merbench.check.effects import deviations, effects, null_effects
from merbench.check.match import Match
from merbench.check.notes import notes_of
from merbench.check.reference import Reference
from merbench.check.tolerances import Tolerances
from merbench.check.verdicts import Checked, Rule, Verdict, worst_first
from merbench.results.metrics import ConfusionMetric, confusion_metric
from merbench.statistics.exchange import (
    Exchanged,
    exchange,
    smallest_detectable_drop,
)
from merbench.suite.gate import GateConfig

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class _Values:
    """What is known of the rules of one (method, metric), one for each group of conditions.

    Attributes:
        method: label.
        metric: of the values.
        reference: (J,) values of the reference.
        effects: (seed, fold, J), which add up to the difference.
        null: (seed, fold, J), those of luck.
        identical: whether every count is that of the reference.
    """

    method: str
    metric: ConfusionMetric
    reference: Floats
    effects: Floats
    null: Floats
    identical: bool


@one_thread
def check(
    run: Reference,
    reference: Reference,
    metrics: Sequence[str] = METRICS,
    gate: GateConfig | None = None,
    *,
    methods: Sequence[str] = (),
    names: tuple[str, str] = ("the run", "the reference"),
) -> Checked:
    """Hold a run against its reference.

    Args:
        run: what is checked.
        reference: what it is held against.
        metrics: names of the metrics that must not drop.
        gate: tolerances; 1 point for all where left out.
        methods: labels of those to check; all of the reference and of the run where empty.
        names: how run and reference are called in messages.

    Raises:
        NotComparableError: the protocols differ, naming how; the draws alone may.
        IncompleteError: the run lacks a method or seeds of the reference.
        ConfigError: a tolerance or `methods` names what neither has.
    """
    gate = gate or GateConfig()
    match = Match(run, reference, names)
    match.require_comparable()
    chosen = match.methods(methods)
    groups = quantities_of(reference.header)
    tolerances = Tolerances(gate, reference.header, metrics, groups)
    matrices = Matrices(len(reference.header.conditions), groups.values())
    weights = np.stack([matrices.weights(average) for average in groups.values()])
    found = [
        values
        for method in chosen
        if method in reference.header.methods
        for values in _values(match, method, metrics, matrices, weights)
    ]
    rules = [
        rule
        for values, exchanged, detectable in _exchange(found, gate.alpha, match.paired)
        for rule in _rules(run, values, exchanged, detectable, tuple(groups), tolerances, gate)
    ]
    rules += [
        _alone(run, method, confusion_metric(metric), group)
        for method in chosen
        if method not in reference.header.methods
        for metric in metrics
        for group in groups
    ]
    blocks = max((_blocks(v.effects, match.paired) for v in found), default=0)
    seeds = min((len(v.effects) for v in found), default=0)
    clusters = len(reference.units.clusters) if reference.units.kind else 0
    return Checked(
        suite=reference.suite,
        run=names[0],
        reference=names[1],
        rules=worst_first(rules),
        identical=bool(found) and all(values.identical for values in found),
        paired=match.paired,
        blocks=blocks,
        clusters=clusters,
        seeds=seeds,
        alpha=gate.alpha,
        notes=tuple(notes_of(match, gate.alpha, blocks, clusters, seeds)),
    )


def _values(
    match: Match,
    method: str,
    metrics: Sequence[str],
    matrices: Matrices,
    weights: Floats,
) -> Iterator[_Values]:
    counts = match.counts(method)
    mine, other = (matrices.sum_counts(side) for side in counts)
    identical = bool(np.array_equal(*counts))
    for name in metrics:
        metric = confusion_metric(name)
        yield _Values(
            method,
            metric,
            metric(other.sum(axis=1)).mean(axis=0) @ weights.T,
            effects(mine, other, metric) @ weights.T,
            null_effects(other, metric) @ weights.T,
            identical,
        )


def _exchange(
    found: Sequence[_Values], alpha: float, paired: bool
) -> Iterator[tuple[_Values, Exchanged, Floats]]:
    """Exchange the blocks of all rules together, and give each (method, metric) its part."""
    if not found:
        return
    table, there = _table([v.effects for v in found], paired)
    whole = exchange(table, there, alpha)
    # What the draws add is in no run by itself; only the two together show it.
    luck, there = _table([v.null for v in found], True) if paired else (deviations(table), there)
    unknown = np.isnan(luck).any(axis=0)
    detectable = smallest_detectable_drop(np.nan_to_num(luck), there, alpha)
    detectable[unknown] = np.nan
    start = 0
    for values in found:
        own = slice(start, start + len(values.reference))
        start = own.stop
        yield (
            values,
            Exchanged(whole.value[own], whole.low[own], whole.high[own], whole.p[own]),
            detectable[own],
        )


def _table(parts: Sequence[Floats], paired: bool) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (block, rule) effects of all, and which blocks each rule has.

    What is drawn anew is common to the seeds of a fold: without the same draws a block is a fold.
    """
    parts = parts if paired else [part.sum(axis=0, keepdims=True) for part in parts]
    seeds = max(len(part) for part in parts)
    folds = parts[0].shape[1]
    table, there = [], []
    for part in parts:
        padded = np.zeros((seeds, folds, part.shape[2]))
        padded[: len(part)] = part
        table.append(padded.reshape(seeds * folds, -1))
        own = np.zeros((seeds, folds, part.shape[2]), np.bool_)
        own[: len(part)] = True
        there.append(own.reshape(seeds * folds, -1))
    return np.concatenate(table, axis=1), np.concatenate(there, axis=1)


def _blocks(part: Floats, paired: bool) -> int:
    seeds, folds = len(part), len(part[0])
    return folds * (seeds if paired else 1)


def _rules(
    run: Reference,
    values: _Values,
    exchanged: Exchanged,
    detectable: Floats,
    groups: Sequence[str],
    tolerances: Tolerances,
    gate: GateConfig,
) -> Iterator[Rule]:
    name = run.header.shown_as.get(values.method, values.method)
    for place, group in enumerate(groups):
        before, delta = float(values.reference[place]), float(exchanged.value[place])
        tolerance = tolerances.of(values.method, values.metric.name, group, before)
        p = float(exchanged.p[place])
        yield Rule(
            method=values.method,
            name=name,
            metric=values.metric.name,
            metric_label=values.metric.label,
            group=group,
            reference=before,
            value=before + delta,
            delta=delta,
            low=float(exchanged.low[place]),
            high=float(exchanged.high[place]),
            p=p,
            tolerance=tolerance,
            detectable=float(detectable[place]),
            verdict=_verdict(delta, p, tolerance, gate.alpha),
        )


def _verdict(delta: float, p: float, tolerance: float, alpha: float) -> Verdict:
    if np.isnan(delta):
        return "not comparable"
    if delta < -tolerance:
        return "regressed" if p <= alpha else "suspect"
    return "improved" if delta > tolerance and p <= alpha else "ok"


def _alone(run: Reference, method: str, metric: ConfusionMetric, group: str) -> Rule:
    unknown = float("nan")
    return Rule(
        method=method,
        name=run.header.shown_as.get(method, method),
        metric=metric.name,
        metric_label=metric.label,
        group=group,
        reference=unknown,
        value=unknown,
        delta=unknown,
        low=unknown,
        high=unknown,
        p=unknown,
        tolerance=unknown,
        detectable=unknown,
        verdict="not comparable",
    )
