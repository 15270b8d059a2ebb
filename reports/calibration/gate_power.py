"""How often the gate fails a run that is worse than its reference, by size of suite and of drop.

Writes gate_power.csv; gate_render.py makes the page and the figures of it.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gate_calibrate import ALPHA, SHARES
from gate_rivals import METRICS, weights_of
from gate_simulate import Experiment, conditions, count_run, draw, no_drop, reference_of, where
from numpy.typing import NDArray
from simulate import layout

from merbench.analysis.quantities import quantities_of
from merbench.check.effects import deviations, effects, null_effects
from merbench.results.metrics import confusion_metric
from merbench.statistics.exchange import exchange, smallest_detectable_drop

HERE = Path(__file__).parent
SIZES = ((5, 1), (5, 2), (5, 3), (10, 3), (10, 5))
UTTERANCES = (300, 600, 1200)
SPEAKERS = 10
METHODS = 2
DROPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)
TOLERANCES = (0.0, 0.01)
NOISE = "burst"
GROUPS = {"one method": "grid mean", "all methods": "grid mean", "one noise": "burst noise"}
QUANTILES = {"detectable": 0.5, "detectable, a tenth below": 0.1, "detectable, a tenth above": 0.9}
# Of signs; a check takes more, which changes the figures by less than their Monte Carlo error.
DRAWS = 2_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """What a value is of.

    Attributes:
        folds: F.
        seeds: S.
        utterances: of the whole corpus, each tested once.
        drawn_anew: whether each run met corruptions of its own.
        what: which values drop.
        of: `any rule` is flagged; or `the rule`, UA of the mean over what drops; `low bounds` or
            `high bounds` of WA and UA leave out a true difference; or what is called detectable.
        drop: true, in shares of utterances.
        tolerance: of the gate.
    """

    folds: int
    seeds: int
    utterances: int
    drawn_anew: bool
    what: str
    of: str
    drop: float
    tolerance: float


@dataclass(frozen=True)
class Variants:
    """What a run may be: (V, M, K) drops, and what each is called."""

    names: tuple[tuple[str, float], ...]
    drops: Floats


def variants() -> Variants:
    """Return a run without a drop, and one for each kind and size of drop."""
    names: list[tuple[str, float]] = [("nothing", 0.0)]
    drops = [np.zeros((METHODS, len(conditions())))]
    for what in GROUPS:
        for drop in DROPS:
            one = np.zeros_like(drops[0])
            methods = slice(None) if what == "all methods" else 0
            one[methods, where(NOISE if what == "one noise" else None)] = drop
            names.append((what, drop))
            drops.append(one)
    return Variants(tuple(names), np.stack(drops))


def experiments() -> Iterator[Experiment]:
    """Yield the sizes, then one of them with corruptions drawn anew."""
    for folds, seeds in SIZES:
        for utterances in UTTERANCES:
            rng = np.random.default_rng((utterances, SPEAKERS, folds))
            own = layout("", rng, utterances, SPEAKERS, folds, SHARES, spread=0.15)
            yield Experiment("", own, seeds, METHODS)
            if (folds, seeds, utterances) == (10, 3, 1200):
                yield Experiment("", own, seeds, METHODS, redrawn=True)


class Judge:
    """Does what `merbench.check.gate.check` does, for many variants of one run at once."""

    def __init__(self, experiment: Experiment) -> None:
        """Prepare for pairs of runs of one experiment."""
        self._experiment = experiment
        counts = np.zeros((METHODS, experiment.seeds, SPEAKERS, len(conditions()), 4, 4), np.int32)
        empty = reference_of(experiment, counts)
        self._weights = weights_of(empty)
        self._groups = list(quantities_of(empty.header))

    def by_fold(self, counts: NDArray[np.int32]) -> list[NDArray[np.int64]]:
        """Return (S, F, K, C, C) counts of each method."""
        reference = reference_of(self._experiment, counts)
        return [reference.by_fold(method) for method in reference.header.methods]

    def table(self, run: list[NDArray[np.int64]], reference: list[NDArray[np.int64]]) -> Floats:
        """Return (block, rule) effects of a run."""
        found = [
            effects(mine, other, confusion_metric(metric)) @ self._weights.T
            for mine, other in zip(run, reference, strict=True)
            for metric in METRICS
        ]
        table = np.concatenate(found, axis=-1)
        if self._experiment.redrawn:
            return table.sum(axis=0)
        return table.reshape(-1, table.shape[-1])

    def detectable(self, reference: list[NDArray[np.int64]], table: Floats) -> Floats:
        """Return the smallest detectable drop of each rule; `table` is that of equal runs."""
        if self._experiment.redrawn:
            luck = deviations(table)
        else:
            found = [
                null_effects(other, confusion_metric(metric)) @ self._weights.T
                for other in reference
                for metric in METRICS
            ]
            luck = np.concatenate(found, axis=-1).reshape(-1, table.shape[-1])
        if np.isnan(luck).any():
            return np.full(table.shape[-1], np.nan)
        return smallest_detectable_drop(luck, np.ones_like(luck, np.bool_), ALPHA, draws=DRAWS)

    def truth(self, drops: Floats) -> Floats:
        """Return the true difference of each rule; NaN for F1, where it is not known."""
        of_groups = -drops @ self._weights.T
        known = np.array([1.0 if metric != "f1" else np.nan for metric in METRICS])
        return np.concatenate([np.outer(known, own).ravel() for own in of_groups])

    def rule(self, what: str) -> int:
        """Return the position of UA of the mean over what drops, of the first method."""
        (group,) = [g for g, name in enumerate(self._groups) if name.startswith(GROUPS[what])]
        return METRICS.index("ua") * len(self._groups) + group


def power(
    experiment: Experiment, times: int, rng: np.random.Generator
) -> Iterator[tuple[Row, float, int]]:
    """Yield shares of repetitions that are flagged, and medians of what is called detectable."""
    judge, all_variants = Judge(experiment), variants()
    hits: defaultdict[Row, int] = defaultdict(int)
    detectable = []
    folds, size = int(experiment.layout.folds.max()) + 1, len(experiment.layout.labels)
    blank = Row(folds, experiment.seeds, size, experiment.redrawn, "", "", 0, 0)
    for _ in range(times):
        drawn = draw(experiment, rng)
        reference = judge.by_fold(count_run(experiment, drawn, 1, no_drop(experiment)))
        for (what, drop), drops in zip(all_variants.names, all_variants.drops, strict=True):
            run = judge.by_fold(count_run(experiment, drawn, 0, drops))
            table = judge.table(run, reference)
            if not drop:
                detectable.append(judge.detectable(reference, table))
            found = exchange(table, np.ones_like(table, np.bool_), ALPHA, DRAWS)
            truth, row = judge.truth(drops), replace(blank, what=what, drop=drop)
            hits[replace(row, of="low bounds")] += bool((found.low > truth).any())
            hits[replace(row, of="high bounds")] += bool((found.high < truth).any())
            for tolerance in TOLERANCES:
                dropped = (found.value < -tolerance) & (found.p <= ALPHA)
                row = replace(row, tolerance=tolerance)
                hits[replace(row, of="any rule")] += bool(dropped.any())
                if what in GROUPS:
                    hits[replace(row, of="the rule")] += bool(dropped[judge.rule(what)])
    for row, number in hits.items():
        yield row, number / times, times
    for what in GROUPS:
        of_rule = np.array(detectable)[:, judge.rule(what)]
        for of, quantile in QUANTILES.items():
            yield replace(blank, what=what, of=of), float(np.quantile(of_rule, quantile)), times


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "gate_power.csv")
    chosen = parser.parse_args()
    streams = np.random.default_rng(chosen.seed).spawn(len(list(experiments())))
    with chosen.out.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*Row.__dataclass_fields__, "value", "repetitions"])
        for experiment, rng in zip(experiments(), streams, strict=True):
            for row, value, times in power(experiment, chosen.repetitions, rng):
                table.writerow([*vars(row).values(), round(value, 4), times])


if __name__ == "__main__":
    main()
