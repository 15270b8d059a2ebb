"""Contrasts: the pairs that a suite declared beforehand, and all of the grid as exploration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.analysis.evidence import Evidence, linear
from merbench.results.averages import Average, evaluate
from merbench.results.metrics import confusion_metric
from merbench.results.summary import Summary
from merbench.results.tally import Tally
from merbench.statistics.bayes import correlated_t
from merbench.statistics.corrections import benjamini_hochberg, holm
from merbench.statistics.fold_tests import corrected_t, sign_flip, signed_rank
from merbench.statistics.interval import smallest_detectable
from merbench.statistics.mcnemar import mcnemar
from merbench.statistics.outcome import ALPHA

ROPE = 0.01
HEADLINE_METHOD = "nmer"
Pair = tuple[str, str]


def contrast_table(
    evidence: Evidence,
    tally: Tally,
    overviews: Sequence[Summary],
    pairs: Sequence[Pair],
    test_to_train: float,
    rope: float = ROPE,
) -> pd.DataFrame:
    """Test pairs of methods on the headline column of each overview.

    Holm's adjustment is over the pairs, for each metric by itself.

    Args:
        evidence: of the run.
        tally: its counts.
        overviews: one for each metric.
        pairs: labels; those of methods without values are left out.
        test_to_train: number of test over that of training utterances, in the mean fold.
        rope: half-width of what is practically equivalent.

    Returns:
        metric, method, against, difference, low, high, sample_se, seed_se, df, p, p_holm, better,
        equivalent, worse, corrected_t_p, sign_flip_p, sign_flip_smallest, wilcoxon_p,
        wilcoxon_smallest, mcnemar_p (one fold and seed: a diagnostic), detectable, note.
    """
    known = [pair for pair in pairs if set(pair) <= {*evidence.methods}]
    frames = []
    for overview in overviews:
        average = overview.averages[overview.headline]
        rows = [
            _contrast(evidence, tally, overview.metric.name, average, pair, test_to_train, rope)
            for pair in known
        ]
        frame = pd.DataFrame(rows)
        if rows:
            # Holm starts with this level: to be found four times in five, a difference must be as
            # large there.
            level = ALPHA / len(rows)
            frame["detectable"] = smallest_detectable(frame.pop("se"), frame["df"], alpha=level)
            smallest = frame[["sign_flip_smallest", "wilcoxon_smallest"]].max()
            frame["note"] = _note(*map(float, smallest))
            frame.insert([*frame].index("p") + 1, "p_holm", holm(frame["p"].to_numpy()))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def exploratory_table(
    evidence: Evidence, metric: str, pairs: Sequence[Pair], conditions: int
) -> pd.DataFrame:
    """Compare pairs on every condition of the grid, Benjamini-Hochberg over all of it.

    Returns:
        method, against, condition, difference, low, high, p, q.
    """
    frames = []
    for method, against in pairs:
        if not {method, against} <= {*evidence.methods}:
            continue
        found = evidence.between(metric, method, against, lambda values: values[..., :conditions])
        frames.append(
            pd.DataFrame(
                {
                    "method": method,
                    "against": against,
                    "condition": np.arange(conditions),
                    "difference": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                }
            )
        )
    if not frames:
        return pd.DataFrame()
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(q=benjamini_hochberg(frame["p"].to_numpy()))


def values_by_fold(
    tally: Tally, evidence: Evidence, method: str, metric: str, average: Average
) -> NDArray[np.float64]:
    """Return (fold,) values, mean over seeds."""
    index = tally.header.methods.index(method)
    counts = tally.confusion.counts[index][list(evidence.seeds[method])]
    values: NDArray[np.float64] = evaluate(average, confusion_metric(metric), counts).mean(axis=0)
    return values


def _contrast(
    evidence: Evidence,
    tally: Tally,
    metric: str,
    average: Average,
    pair: Pair,
    test_to_train: float,
    rope: float,
) -> dict[str, object]:
    method, against = pair
    found = evidence.between(metric, *pair, linear(evidence.matrices.weights(average)))
    mine, other = (
        values_by_fold(tally, evidence, label, metric, average) for label in (method, against)
    )
    differences = mine - other
    student = corrected_t(differences, test_to_train)
    flips = sign_flip(differences, np.random.default_rng(len(differences)))
    ranked = signed_rank(differences)
    row: dict[str, object] = {
        "metric": metric,
        "method": method,
        "against": against,
        "difference": float(found.value),
        "low": float(found.low),
        "high": float(found.high),
        "sample_se": float(found.sample_se),
        "seed_se": float(found.seed_se),
        "df": float(found.df),
        "p": float(found.p),
    }
    shares = dict.fromkeys(("better", "equivalent", "worse"), np.nan)
    if np.isfinite(differences).sum() > 1:
        posterior = correlated_t(differences, test_to_train, rope)
        shares = {name: getattr(posterior, name) for name in shares}
    return {
        **row,
        **shares,
        "corrected_t_p": student.p,
        "sign_flip_p": flips.p,
        "sign_flip_smallest": flips.smallest_p,
        "wilcoxon_p": ranked.p,
        "wilcoxon_smallest": ranked.smallest_p,
        "mcnemar_p": _one_fold(tally, evidence, pair),
        "se": float(found.se),
    }


def _one_fold(tally: Tally, evidence: Evidence, pair: Pair) -> float:
    """Return McNemar's p of the first fold and of the first seed that both methods have."""
    shared = [s for s in evidence.seeds[pair[0]] if s in evidence.seeds[pair[1]]]
    if not shared:
        return float("nan")
    seed, fold = tally.header.seeds[shared[0]], tally.header.folds[0]
    mine, other = (
        next(
            hit
            for key, hit in tally.hits.items()
            if (key.method, key.fold, key.seed) == (label, fold, seed)
        )
        for label in pair
    )
    return mcnemar(mine, other).p


def _note(flips: float, ranked: float) -> str:
    """Say which tests over folds cannot be significant, whatever the methods do."""
    found = {"sign-flip": flips, "signed-rank": ranked}
    beyond = {name: smallest for name, smallest in found.items() if not smallest <= ALPHA}
    return " ".join(
        f"The {name} test over folds cannot go below p = {smallest:.4g}: it cannot be significant "
        "at this size."
        for name, smallest in beyond.items()
    )
