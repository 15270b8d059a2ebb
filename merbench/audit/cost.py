"""What a method costs."""

from __future__ import annotations

import time

from merbench.audit.bench import Bench
from merbench.audit.predict import predict
from merbench.audit.verdict import Check, Finding, Number


class Cost(Check[Bench]):
    """Parameters and time."""

    name = "cost"
    proves = "nothing by itself: says what the method costs"
    how = "parameters, seconds of the training in full, milliseconds to predict an utterance"

    def run(self, bench: Bench) -> Finding:
        """Measure."""
        seen = bench.whole
        predict(bench.predictor, seen)
        started = time.perf_counter()
        predict(bench.predictor, seen)
        each = 1000 * (time.perf_counter() - started) / len(seen)
        evidence: dict[str, Number] = {
            "parameters": bench.fitted.parameters,
            "training_seconds": round(bench.fitted.seconds, 3),
            "milliseconds_an_utterance": round(each, 4),
        }
        text = (
            f"{bench.fitted.parameters:,} parameters, {bench.fitted.seconds:.1f} s to train on "
            f"{len(bench.fold.train)} utterances, {each:.2f} ms to predict one"
        )
        return Finding("pass", text, evidence)
