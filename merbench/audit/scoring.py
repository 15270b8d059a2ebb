"""Whether every utterance is scored, and once."""

from __future__ import annotations

import torch

from merbench.audit.bench import Bench
from merbench.audit.predict import RowsError, predict
from merbench.audit.verdict import Check, Finding, Number, verdict_of


class ScoredOnce(Check[Bench]):
    """Every utterance gets a prediction of its own."""

    name = "scored_once"
    proves = "every test utterance gets one prediction, whatever the size of the batch"
    how = (
        "batches of 1, 2, 31, 33, 64, 65 and all test utterances: as many rows of finite logits "
        "must come back; in two orders of all of them, no place may say the same whoever stands "
        "there while other places differ"
    )

    def run(self, bench: Bench) -> Finding:
        """Count."""
        n = len(bench.fold.test)
        sizes = sorted({size for size in (1, 2, 31, 33, 64, 65, n) if size <= n})
        missing: dict[int, str] = {}
        for size in sizes:
            try:
                logits = predict(bench.predictor, bench.mixed(torch.arange(size)))
            except RowsError as error:
                missing[size] = str(error).partition(";")[0]
            except Exception:
                continue
            else:
                if not bool(torch.isfinite(logits).all()):
                    bad = int((~torch.isfinite(logits).all(1)).sum())
                    missing[size] = f"{bad} rows of {size} are not finite"
        evidence: dict[str, Number] = {"sizes": len(sizes), "sizes_wrong": len(missing)}
        if missing:
            size, text = next(iter(missing.items()))
            evidence["first_wrong"] = size
            return Finding("fail", f"batch of {size}: {text}", evidence)
        stuck = bench.stuck
        evidence["places_stuck"] = stuck
        text = (
            f"{stuck} of {n} places say the same whoever stands there"
            if stuck
            else f"one row an utterance in batches of {', '.join(map(str, sizes))}"
        )
        return Finding(verdict_of(stuck > 0), text, evidence)
