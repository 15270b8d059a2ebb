"""How far claims reach: what the intervals of a run rest on, and what limits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from merbench.analysis.evidence import Evidence
from merbench.analysis.findings import Inference, Scope
from merbench.results.tally import Tally
from merbench.statistics.outcome import ALPHA

SEEDS_FOR_CLAIMS = 3


def inference_of(tally: Tally, evidence: Evidence, draws: int, rope: float) -> Inference:
    """Return what the intervals of a run rest on.

    With one seed, the luck of a training is part of the variance between clusters only where every
    fold tests one cluster; elsewhere nothing measures it by itself, and claims end at the trained
    models. So they do with one fold: its clusters share one model's luck, whatever the seeds.
    """
    counts = {label: len(found) for label, found in evidence.seeds.items()}
    seeds = max(counts.values(), default=0)
    folds = len(np.unique(tally.units.fold))
    shared = len(tally.units.fold) > folds
    scope: Scope = "population"
    if evidence.clusters < 2:
        scope = "none"
    elif shared and (seeds < 2 or folds < 2):
        scope = "models"
    lone = tuple(label for label, n in counts.items() if n < 2)
    return Inference(
        unit=tally.units.kind,
        clusters=evidence.clusters,
        folds=folds,
        seeds=seeds,
        lone=lone if shared and scope == "population" else (),
        draws=draws,
        confidence=evidence.confidence,
        rope=rope,
        scope=scope,
        notes=tuple(_notes(tally, evidence, scope, counts, folds)),
    )


def _notes(
    tally: Tally, evidence: Evidence, scope: Scope, counts: Mapping[str, int], folds: int
) -> Iterator[str]:
    unit, seeds = tally.units.kind, max(counts.values(), default=0)
    if not unit:
        yield (
            "The corpus names neither speakers nor dialogues of every utterance, so nothing says "
            "which are independent: there are no intervals, and no tests but those over folds."
        )
    elif evidence.clusters < 2:
        yield f"One {unit} was tested: nothing can be said of others."
    if scope == "models" and folds < 2:
        yield (
            f"One fold was tested: its {unit}s share the luck of one training, which nothing else "
            "measures. Intervals hold for these trained models only."
        )
    elif scope == "models":
        yield (
            "Model noise is not measured: with one seed, and folds that test several "
            f"{unit}s, nothing says how much a result owes to the luck of its training. Intervals "
            "hold for these trained models only."
        )
    elif seeds < SEEDS_FOR_CLAIMS:
        yield f"{seeds} seed{'' if seeds == 1 else 's'}; claims want {SEEDS_FOR_CLAIMS} or more."
    smallest = smallest_rank_p(folds)
    if smallest > ALPHA:
        yield (
            f"{folds} fold{'' if folds == 1 else 's'} cannot reach p < .05 in a rank or sign-flip "
            f"test over folds: the smallest possible p is {smallest:.4g}."
        )


def smallest_rank_p(folds: int) -> float:
    """Return the smallest two-sided p of a rank or sign-flip test over folds."""
    return float(min(2.0 ** (1 - folds), 1.0))
