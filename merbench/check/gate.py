"""The gate itself: every rule of a run against its reference, exchanged together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.quantities import Matrices, quantities_of
from merbench.analysis.threads import one_thread
from merbench.check.effects import difference, effects, null_effects
from merbench.check.reference import Reference
from merbench.check.tolerances import Tolerances
from merbench.check.verdicts import Checked, Rule, Verdict, worst_first
from merbench.errors import ConfigError, IncompleteError, NotComparableError, did_you_mean
from merbench.results.metrics import ConfusionMetric, confusion_metric
from merbench.statistics.exchange import (
    Exchanged,
    exchange,
    smallest_detectable_drop,
    smallest_p,
)
from merbench.suite.gate import GateConfig

CLUSTERS = 8  # fewer say little of others
SEEDS = 3
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class _Values:
    """What is known of the rules of one (method, metric), one for each group of conditions.

    Attributes:
        method: label.
        metric: of the values.
        reference: (J,) values of the reference.
        delta: (J,).
        effects: (seed, fold, J).
        null: (seed, fold, J), those of luck.
    """

    method: str
    metric: ConfusionMetric
    reference: Floats
    delta: Floats
    effects: Floats
    null: Floats


@one_thread
def check(
    run: Reference,
    reference: Reference,
    metrics: Sequence[str] = ("wa", "ua", "f1"),
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
    paired = _need_comparable(run, reference, names)
    chosen = _methods(run, reference, methods, names)
    groups = quantities_of(reference.header)
    tolerances = Tolerances(gate, reference.header, metrics, groups)
    matrices = Matrices(len(reference.header.conditions), groups.values())
    weights = np.stack([matrices.weights(average) for average in groups.values()])
    found = [
        values
        for method in chosen
        if method in reference.header.methods
        for values in _values(run, reference, method, metrics, matrices, weights, names)
    ]
    rules = [
        rule
        for values, exchanged, detectable in _exchange(found, reference, gate.alpha, paired)
        for rule in _rules(run, values, exchanged, detectable, tuple(groups), tolerances, gate)
    ]
    rules += [
        _alone(run, method, confusion_metric(metric), group)
        for method in chosen
        if method not in reference.header.methods
        for metric in metrics
        for group in groups
    ]
    blocks = max((_blocks(v.effects, paired) for v in found), default=0)
    seeds = min((len(v.effects) for v in found), default=0)
    clusters = len(reference.units.clusters) if reference.units.kind else 0
    return Checked(
        suite=reference.suite,
        run=names[0],
        reference=names[1],
        rules=worst_first(rules),
        identical=bool(found) and not any(v.effects.any() for v in found),
        paired=paired,
        blocks=blocks,
        clusters=clusters,
        seeds=seeds,
        alpha=gate.alpha,
        notes=tuple(_notes(run, reference, gate.alpha, paired, blocks, seeds, clusters)),
    )


def _need_comparable(run: Reference, reference: Reference, names: tuple[str, str]) -> bool:
    """Refuse another protocol, and say whether both met the same corruptions."""
    mine, other = run.protocol, reference.protocol
    redrawn = mine.model_copy(update={"draws": other.draws})
    differing = redrawn.all_differences(other, *names)
    axes = {
        "classes": (run.header.classes, reference.header.classes),
        "modalities": (run.header.modalities, reference.header.modalities),
        "conditions": (
            [repr(c._replace(requested=0.0)) for c in run.header.conditions],
            [repr(c._replace(requested=0.0)) for c in reference.header.conditions],
        ),
    }
    if not differing:
        differing = [f"{name}: they differ" for name, (a, b) in axes.items() if a != b]
    if differing:
        raise NotComparableError(
            f"{names[0]} is not comparable with {names[1]}: {'; '.join(differing)}"
        )
    return mine.draws == other.draws


def _methods(
    run: Reference, reference: Reference, wanted: Sequence[str], names: tuple[str, str]
) -> list[str]:
    ours, theirs = run.header.methods, reference.header.methods
    known = tuple(dict.fromkeys((*theirs, *ours)))
    for method in wanted:
        if method not in known:
            raise ConfigError(
                f"{names[0]} and {names[1]} have no method {method!r}; "
                f"{did_you_mean(method, known)}"
            )
    chosen = list(wanted) or list(known)
    lacking = [method for method in chosen if method not in ours]
    if lacking:
        raise IncompleteError(
            f"{names[0]} has no {', '.join(lacking)}, which is to be held against {names[1]}; "
            f"it has {', '.join(ours)}"
        )
    return chosen


def _pairs(
    run: Reference, reference: Reference, method: str, names: tuple[str, str]
) -> list[tuple[int, int]]:
    """Return positions of seeds of the run and of the reference: the same seed, or any other."""
    mine, other = run.seeds(method), reference.seeds(method)
    if len(mine) < len(other):
        raise IncompleteError(
            f"{names[0]} has {_listed(mine)} of {method}, {names[1]} {_listed(other)}; "
            "expected as many or more"
        )
    free = iter([place for place, seed in enumerate(mine) if seed not in other])
    return [
        (mine.index(seed) if seed in mine else next(free), place)
        for place, seed in enumerate(other)
    ]


def _listed(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _values(
    run: Reference,
    reference: Reference,
    method: str,
    metrics: Sequence[str],
    matrices: Matrices,
    weights: Floats,
    names: tuple[str, str],
) -> Iterator[_Values]:
    pairs = _pairs(run, reference, method, names)
    mine = matrices.sum_counts(run.by_fold(method)[[a for a, _ in pairs]])
    other = matrices.sum_counts(reference.by_fold(method)[[b for _, b in pairs]])
    if not np.array_equal(mine[0].sum(axis=-1), other[0].sum(axis=-1)):
        raise NotComparableError(
            f"{names[0]} is not comparable with {names[1]}: the labels of test utterances differ"
        )
    for name in metrics:
        metric = confusion_metric(name)
        yield _Values(
            method,
            metric,
            metric(other.sum(axis=1)).mean(axis=0) @ weights.T,
            difference(mine, other, metric) @ weights.T,
            effects(mine, other, metric) @ weights.T,
            null_effects(other, metric) @ weights.T,
        )


def _exchange(
    found: Sequence[_Values], reference: Reference, alpha: float, paired: bool
) -> Iterator[tuple[_Values, Exchanged, Floats]]:
    """Exchange the blocks of all rules together, and give each (method, metric) its part."""
    if not found:
        return
    whole = exchange(*_table([v.effects for v in found], paired), alpha)
    luck, there = _table([v.null for v in found], True)
    unknown = np.isnan(luck).any(axis=0)
    detectable = smallest_detectable_drop(np.nan_to_num(luck), there, alpha)
    detectable[unknown] = np.nan
    start = 0
    for values in found:
        own = slice(start, start + len(values.delta))
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
        before, delta = float(values.reference[place]), float(values.delta[place])
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


def _notes(
    run: Reference,
    reference: Reference,
    alpha: float,
    paired: bool,
    blocks: int,
    seeds: int,
    clusters: int,
) -> Iterator[str]:
    what = "fold-and-seed pairs of trained models" if paired else "folds"
    if not paired:
        yield (
            "Unpaired: the corruptions were drawn anew (the draws hashes differ), so that folds "
            "are exchanged, all seeds of one together."
        )
    least = smallest_p(blocks)
    if blocks and least > alpha:
        yield (
            f"This gate cannot fire: {blocks} {what} give no p below {least:.3g}, and alpha is "
            f"{alpha:g}. More folds or seeds would."
        )
    few = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, least, word in (
            (clusters, CLUSTERS, reference.units.kind or "cluster"),
            (seeds, SEEDS, "seed"),
        )
        if number < least
    ]
    if blocks and few:
        yield (
            f"{' and '.join(few)}: a gate wants {CLUSTERS} speakers or dialogues and {SEEDS} "
            "seeds, or it sees large drops only."
        )
    if run.suite_hash != reference.suite_hash:
        yield "The suites differ (their hashes do): training or methods may be set differently."
    changed = [
        f"{name} {reference.versions[name]} -> {version}"
        for name, version in run.versions.items()
        if name in reference.versions and reference.versions[name] != version
    ]
    if changed:
        yield f"Versions: {', '.join(changed)}."
