"""How far claims reach: what the intervals of a run rest on, and what limits them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from merbench.analysis.evidence import Evidence
from merbench.analysis.findings import Inference, Scope
from merbench.results.tally import Tally

ALPHA = 0.05
SEEDS_FOR_CLAIMS = 3


def inference_of(tally: Tally, evidence: Evidence, draws: int, rope: float) -> Inference:
    """Return what the intervals of a run rest on.

    With one seed, the luck of a training is part of the variance between clusters only where every
    fold tests one cluster; elsewhere nothing measures it, and claims end at the trained models.
    """
    seeds = min((len(found) for found in evidence.seeds.values()), default=0)
    folds = len(np.unique(tally.units.fold))
    scope: Scope = "population"
    if evidence.clusters < 2:
        scope = "none"
    elif seeds < 2 and len(tally.units.fold) > folds:
        scope = "models"
    return Inference(
        unit=tally.units.kind,
        clusters=evidence.clusters,
        folds=folds,
        seeds=seeds,
        draws=draws,
        confidence=evidence.confidence,
        rope=rope,
        scope=scope,
        notes=tuple(_notes(tally, evidence, scope, seeds, folds)),
    )


def _notes(tally: Tally, evidence: Evidence, scope: Scope, seeds: int, folds: int) -> Iterator[str]:
    unit = tally.units.kind
    if not unit:
        yield (
            "The corpus names neither speakers nor dialogues, so nothing says which utterances are "
            "independent: there are no intervals, and no tests but those over folds."
        )
    elif evidence.clusters < 2:
        yield f"One {unit} was tested: nothing can be said of others."
    if scope == "models":
        yield (
            "Model noise is not measured: with one seed, and folds that test several "
            f"{unit}s, nothing says how much a result owes to the luck of its training. Intervals "
            "hold for these trained models only."
        )
    elif seeds < SEEDS_FOR_CLAIMS:
        yield f"{seeds} seed{'' if seeds == 1 else 's'}; claims want {SEEDS_FOR_CLAIMS} or more."
    smallest = 2.0 ** (1 - folds)
    if smallest > ALPHA:
        yield (
            f"{folds} fold{'' if folds == 1 else 's'} cannot reach p < .05 in a rank or sign-flip "
            f"test over folds: the smallest possible p is {min(smallest, 1.0):.4g}."
        )
