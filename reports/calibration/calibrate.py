"""How often what merbench.statistics claims is true, where the truth is known.

Writes results.csv; render.py makes the page and the figures of it.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from simulate import DROPS, Layout, Simulated, layouts, simulate, truth

from merbench.results.metrics import confusion_metric
from merbench.statistics.bayes import correlated_t
from merbench.statistics.estimate import Estimate, draw_samples, estimate
from merbench.statistics.fold_tests import corrected_t, sign_flip, signed_rank
from merbench.statistics.interval import Intervals, intervals, sample_variance, seed_variance
from merbench.statistics.mcnemar import mcnemar
from merbench.statistics.resampling import by_fold

LUCKS = {"fresh": 0.0, "half common": 0.5, "all common": 1.0}
SEEDS = (1, 3, 5)
DRAWS = 500
BLOCK = 250
ALPHA = 0.05
# Of a block's repetitions: flips of 31 clusters take as long as everything else together.
WITH_CLUSTER_FLIPS = 80
METRICS = [confusion_metric("wa"), confusion_metric("ua")]
COVERED_DROP = 2

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """What a share is of."""

    layout: str
    luck: str
    seeds: int
    quantity: str
    rule: str
    metric: str
    drop: float


@dataclass
class Tally:
    """Hits and trials of each row."""

    hits: defaultdict[Row, int] = field(default_factory=lambda: defaultdict(int))
    trials: defaultdict[Row, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: Row, found: NDArray[np.bool_]) -> None:
        """Count trials."""
        self.hits[row] += int(found.sum())
        self.trials[row] += found.size


@dataclass(frozen=True)
class Block:
    """Some repetitions of one experiment, and where their counts go."""

    layout: Layout
    luck: str
    simulated: Simulated
    tally: Tally

    def claim(self, seeds: int, rule: str, drop: int, found: NDArray[np.bool_]) -> None:
        """Count claims that the methods differ in UA."""
        row = Row(self.layout.name, self.luck, seeds, "claims", rule, "ua", DROPS[drop])
        self.tally.add(row, found)

    def cover(self, seeds: int, rule: str, of: str, metric: str, found: NDArray[np.bool_]) -> None:
        """Count intervals that hold the truth."""
        row = Row(self.layout.name, self.luck, seeds, f"coverage of {of}", rule, metric, 0.0)
        self.tally.add(row, found)


def differences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return method B at each drop minus A: (..., R x 5) to (..., R x 4)."""
    table = values.reshape(*values.shape[:-1], -1, 1 + len(DROPS))
    return (table[..., 1:] - table[..., :1]).reshape(*values.shape[:-1], -1)


def of_first(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return method A alone."""
    return values[..., :: 1 + len(DROPS)]


def rules(found: Estimate) -> dict[str, Intervals]:
    """Return the intervals that compete."""
    clusters, folds = found.sampling.clusters, found.sampling.folds
    between = sample_variance(found.of_clusters, clusters)
    low, high = np.quantile(found.of_clusters, (ALPHA / 2, 1 - ALPHA / 2), axis=0)
    plain = intervals(found.value, between, 0.0, clusters)
    return {
        "interval": found.intervals(),
        "cluster + seed variance": intervals(
            found.value, between, seed_variance(found.swapped_folds), clusters
        ),
        "fold variance alone": intervals(
            found.value, sample_variance(found.of_folds, folds), 0.0, folds
        ),
        "plain cluster bootstrap": plain._replace(low=low, high=high),
    }


def with_clusters(block: Block, seeds: int) -> None:
    """Count what intervals claim and cover."""
    layout = block.layout
    counts = block.simulated.counts[:seeds]
    counts = counts.reshape(*counts.shape[:2], -1, layout.classes, layout.classes)
    folds, groups = layout.folds_of_clusters, np.arange(counts.shape[1])
    sampling = draw_samples(groups, folds, DRAWS, np.random.default_rng(seeds))
    for metric, all_values in estimate(counts, sampling, METRICS).items():
        for rule, result in rules(all_values.map(differences)).items():
            apart = ((result.low > 0) | (result.high < 0)).reshape(-1, len(DROPS))
            for d in range(len(DROPS) if metric == "ua" else 0):
                block.claim(seeds, rule, d, apart[:, d])
            low, high = (b.reshape(-1, len(DROPS))[:, COVERED_DROP] for b in result[1:3])
            true = -DROPS[COVERED_DROP]
            block.cover(seeds, rule, "a difference", metric, (low <= true) & (true <= high))
        true = truth(layout, metric)
        for rule, result in rules(all_values.map(of_first)).items():
            held = (result.low <= true) & (true <= result.high)
            block.cover(seeds, rule, "a method", metric, held)
    of_groups = differences(by_fold(counts, groups, METRICS)["ua"])[:, :: len(DROPS)]
    rng = np.random.default_rng(0)
    some = of_groups.T[:WITH_CLUSTER_FLIPS]
    found = np.array([sign_flip(d, rng).p <= ALPHA for d in some])
    block.claim(seeds, "sign flip by cluster", 0, found)


def over_folds(block: Block, seeds: int) -> None:
    """Count what tests over folds claim."""
    layout = block.layout
    counts = block.simulated.counts[:seeds]
    counts = counts.reshape(*counts.shape[:2], -1, layout.classes, layout.classes)
    of_folds = differences(by_fold(counts, layout.folds_of_clusters, METRICS)["ua"])
    rng = np.random.default_rng(0)
    for d in range(len(DROPS)):
        found = defaultdict(list)
        for values in of_folds[:, d :: len(DROPS)].T:
            posterior = correlated_t(values, layout.test_to_train)
            found["corrected t"].append(corrected_t(values, layout.test_to_train).p <= ALPHA)
            found["sign flip by fold"].append(sign_flip(values, rng).p <= ALPHA)
            found["Wilcoxon by fold"].append(signed_rank(values).p <= ALPHA)
            found["Bayes, P > .95"].append(max(posterior.worse, posterior.better) > 0.95)
        for rule, hits in found.items():
            block.claim(seeds, rule, d, np.array(hits))


def of_one_model(block: Block) -> None:
    """Count what McNemar's test of one fold and seed claims."""
    found = np.array([mcnemar(a, b).p <= ALPHA for a, b in block.simulated.right])
    block.claim(1, "McNemar", 0, found)


def blocks(repetitions: int, seed: int, tally: Tally) -> Iterator[Block]:
    """Draw the repetitions, each layout and luck from a stream of its own."""
    of_layouts = layouts(np.random.default_rng(seed))
    streams = np.random.default_rng(seed).spawn(len(of_layouts) * len(LUCKS))
    for number, layout in enumerate(of_layouts):
        for variant, (luck, common) in enumerate(LUCKS.items()):
            rng = streams[number * len(LUCKS) + variant]
            for start in range(0, repetitions, BLOCK):
                size = min(BLOCK, repetitions - start)
                yield Block(layout, luck, simulate(layout, size, rng, common), tally)


def main() -> None:
    """Run the calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results.csv")
    chosen = parser.parse_args()
    tally = Tally()
    for block in blocks(chosen.repetitions, chosen.seed, tally):
        of_one_model(block)
        for seeds in SEEDS:
            over_folds(block, seeds)
            if block.layout.grouped:
                with_clusters(block, seeds)
    with chosen.out.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*Row.__dataclass_fields__, "share", "repetitions"])
        for row, trials in tally.trials.items():
            share = round(tally.hits[row] / trials, 4)
            table.writerow([*vars(row).values(), share, trials])


if __name__ == "__main__":
    main()
