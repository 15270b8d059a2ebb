"""How often the gate fails a run that is like its reference, and how often other ways do.

Writes gate_alarms.csv; gate_render.py makes the page and the figures of it.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gate_rivals import ALONE, METRICS, Claims, alone, by_clusters, effects_of, weights_of
from gate_simulate import Experiment, count, draw, reference_of, true_drop
from numpy.typing import NDArray
from simulate import Layout, layout

from merbench.check.gate import check
from merbench.check.verdicts import Checked
from merbench.suite.gate import GateConfig, Tolerance

HERE = Path(__file__).parent
ALPHA = 0.05
SHARES = np.array([0.30, 0.20, 0.20, 0.30])
GATE = GateConfig(alpha=ALPHA, tolerances=(Tolerance(points=0),))
TOLERANCES = (0.0, 0.01)
THE_GATE = "the gate"
STRICT = "the gate, strict"
AS_PAIRED = "exchanges of pairs, though drawn anew"


@dataclass
class Tally:
    """What became of the repetitions of one experiment.

    Attributes:
        flagged: (way, tolerance) -> repetitions in which any rule is a drop.
        tried: way -> repetitions.
        detectable: group of conditions -> what the gate calls detectable.
        rules: how many rules there are.
        rule_by_rule: share of rules that are a drop by themselves, of each repetition.
    """

    flagged: Counter[tuple[str, float]] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    detectable: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rules: int = 0
    rule_by_rule: list[float] = field(default_factory=list)

    def add(self, way: str, claims: Claims) -> None:
        """Count one repetition."""
        self.tried[way] += 1
        for tolerance in TOLERANCES:
            found = (claims.delta < -tolerance) & (claims.p <= ALPHA)
            self.flagged[way, tolerance] += bool(found.any())

    def add_checked(self, checked: Checked) -> None:
        """Count what the gate says."""
        self.rules = len(checked.rules)
        delta = np.array([rule.delta for rule in checked.rules])
        p = np.array([rule.p for rule in checked.rules])
        self.add(THE_GATE, Claims(delta, p))
        self.add(STRICT, Claims(delta, np.zeros_like(p)))
        for rule in checked.rules:
            if rule.metric == "ua":
                self.detectable[size_of(rule.group)].append(rule.detectable)


def size_of(group: str) -> str:
    """Say which kind of group of conditions it is."""
    if group in ("grid mean", "partial mean"):
        return group
    return "one noise" if "noise" in group else "one pattern"


def _layout(utterances: int, speakers: int, folds: int) -> Layout:
    rng = np.random.default_rng((utterances, speakers, folds))
    return layout("", rng, utterances, speakers, folds, SHARES, spread=0.15)


def experiments() -> Iterator[Experiment]:
    """Yield the layouts, then what runs may have in common, then a drop."""
    ten, two, four = _layout(1200, 10, 10), _layout(600, 10, 5), _layout(600, 20, 5)
    yield Experiment("10 folds x 1 speaker, 3 seeds", ten, 3, 2)
    yield Experiment("5 folds x 2 speakers, 3 seeds", two, 3, 2)
    yield Experiment("5 folds x 2 speakers, 1 seed", two, 1, 2)
    yield Experiment("5 folds x 4 speakers, 3 seeds, 8 methods", four, 3, 8)
    yield Experiment("10 folds, 3 seeds, drawn anew", ten, 3, 2, redrawn=True)
    yield Experiment("same seeds, models half alike", two, 3, 2, shared=0.5)
    yield Experiment("two of three cells unchanged", two, 3, 2, kept=2 / 3)
    yield Experiment("luck of a seed in all folds", two, 3, 2, of_seed=0.5)
    yield Experiment("10 folds, 3 seeds, one method 1 point worse", ten, 3, 2, worse=0.01)
    yield Experiment("5 folds, 3 seeds, one method 2 points worse", two, 3, 2, worse=0.02)


def repeat(experiment: Experiment, times: int, rivals: int, rng: np.random.Generator) -> Tally:
    """Hold a run against a reference, many times.

    Args:
        experiment: what both are.
        times: how often, where there is no drop.
        rivals: in how many of these the other ways are tried.
        rng: source of everything random.
    """
    tally, paired = Tally(), not experiment.redrawn
    for number in range(rivals if experiment.worse else times):
        mine, other = count(experiment, draw(experiment, rng), true_drop(experiment))
        run = reference_of(experiment, mine, "drawn once" if paired else "drawn anew")
        reference = reference_of(experiment, other)
        tally.add_checked(check(run, reference, METRICS, GATE))
        if number >= rivals:
            continue
        weights = weights_of(run)
        table = effects_of(run, reference, weights, folds=not paired)
        by_itself = alone(table)
        tally.add(ALONE, by_itself)
        tally.rule_by_rule.append(float((by_itself.p <= ALPHA).mean()))
        for way, claims in by_clusters(run, reference, weights, paired=paired).items():
            tally.add(way, claims)
        if not paired:
            unchanged = reference_of(experiment, mine)
            as_paired = check(unchanged, reference, METRICS, GATE).rules
            delta, p = (np.array([getattr(r, f) for r in as_paired]) for f in ("delta", "p"))
            tally.add(AS_PAIRED, Claims(delta, p))
    return tally


def rows_of(experiment: Experiment, tally: Tally) -> Iterator[list[object]]:
    """Yield lines of the csv."""
    name = experiment.name
    for (way, tolerance), hits in tally.flagged.items():
        yield [name, "flagged", way, tolerance, round(hits / tally.tried[way], 4), tally.tried[way]]
    by_rule = tally.rule_by_rule
    if by_rule:
        yield [name, "rules flagged", ALONE, 0.0, round(float(np.mean(by_rule)), 4), len(by_rule)]
    yield [name, "rules", THE_GATE, 0.0, tally.rules, 1]
    for group, values in tally.detectable.items():
        finite: NDArray[np.float64] = np.array(values)
        if not np.isnan(finite).any():
            yield [name, "detectable", group, 0.0, round(float(np.median(finite)), 4), len(finite)]


def main() -> None:
    """Run the calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--rivals", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "gate_alarms.csv")
    chosen = parser.parse_args()
    streams = np.random.default_rng(chosen.seed).spawn(len(list(experiments())))
    with chosen.out.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["experiment", "quantity", "of", "tolerance", "value", "repetitions"])
        for experiment, rng in zip(experiments(), streams, strict=True):
            tally = repeat(experiment, chosen.repetitions, chosen.rivals, rng)
            table.writerows(rows_of(experiment, tally))


if __name__ == "__main__":
    main()
