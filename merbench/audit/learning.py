"""Whether a method can learn, and how much of what it scores is the luck of its seed."""

from __future__ import annotations

import numpy as np
from scipy import stats

from merbench import seeds
from merbench.audit.bench import Bench
from merbench.audit.verdict import Check, Finding, Number
from merbench.corpus.folds import Fold

_EACH = 8  # utterances of a class
_BY_HEART = 0.9


class Capacity(Check[Bench]):
    """A method can learn a few utterances by heart."""

    name = "capacity"
    apart = True
    proves = "training works: the method can learn"
    how = (
        f"{_EACH} utterances a class, without dropout, for up to 100 epochs, and scored on the "
        f"same utterances: the better of complete and partial mean recall must reach {_BY_HEART}"
    )

    def run(self, bench: Bench) -> Finding:
        """Learn a tiny set."""
        rng = seeds.generator("audit", "capacity")
        labels = bench.corpus.labels[bench.fold.train]
        tiny = np.sort(
            np.concatenate(
                [
                    rng.permutation(bench.fold.train[labels == k])[:_EACH]
                    for k in range(len(bench.corpus.classes))
                ]
            )
        )
        fold = bench.prepared(bench.corpus, Fold("tiny", tiny, tiny, tiny))
        fitted = bench.fit("memorise", fold)
        found = bench.scores(fitted, fold.evaluator)
        best = max(found.complete, found.partial)
        evidence: dict[str, Number] = {
            "utterances": len(tiny),
            "complete": round(found.complete, 4),
            "partial": round(found.partial, 4),
            "needed": _BY_HEART,
        }
        text = f"mean recall {best:.2f} on the {len(tiny)} utterances it was trained on"
        return Finding("pass" if best >= _BY_HEART else "fail", text, evidence)


class SeedSensitivity(Check[Bench]):
    """How large a gain has to be to be more than the luck of a seed."""

    name = "seed_sensitivity"
    proves = "how far the seed alone moves the score, against the gain that is claimed"
    how = (
        "three trainings with other seeds, mean recall averaged over the partial patterns; two "
        "methods of that spread, three seeds each, differ by chance by up to the figure given in "
        "19 of 20 cases (t with four degrees of freedom); fails where a claimed gain "
        "(`--claimed-gain`) is smaller"
    )

    def __init__(self, claimed: float | None = None) -> None:
        self.claimed = claimed

    def run(self, bench: Bench) -> Finding:
        """Train with three seeds."""
        fits = [bench.fitted, *(bench.fit("full", seed=seed) for seed in (1, 2))]
        scores = [bench.scores(fitted).partial for fitted in fits]
        spread = float(np.std(scores, ddof=1))
        n = len(scores)
        least = float(stats.t.ppf(0.975, 2 * (n - 1)) * spread * np.sqrt(2 / n))
        evidence: dict[str, Number] = {
            "seeds": n,
            "mean": round(float(np.mean(scores)), 4),
            "standard_deviation": round(spread, 4),
            "least_gain": round(least, 4),
        }
        text = (
            f"mean recall {np.mean(scores):.3f} ± {spread:.3f} over {n} seeds; with as many, a "
            f"gain below {100 * least:.1f} points may be luck"
        )
        if self.claimed is not None:
            evidence["claimed"] = self.claimed
            if self.claimed < least:
                return Finding("fail", f"{text}; {100 * self.claimed:.1f} are claimed", evidence)
        return Finding("pass", text, evidence)
