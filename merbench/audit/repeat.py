"""Whether the same is found when the same is done again."""

from __future__ import annotations

from merbench.audit.bench import Bench
from merbench.audit.predict import NOTHING_APART, TOLERANCE, Apart, predict_under
from merbench.audit.verdict import Check, Finding, Number, verdict_of


class Determinism(Check[Bench]):
    """Nothing depends on when and where it is computed."""

    name = "determinism"
    proves = "a trained method says the same at every pass, and one seed is one training"
    how = (
        "the test part under every pattern, twice, under different seeds of the context (fold and "
        "seed of the run, generators of Python, numpy and torch); and two short trainings with one "
        f"seed in different surroundings, to the bit; tolerance of passes {TOLERANCE} relative"
    )

    def run(self, bench: Bench) -> Finding:
        """Do it twice."""
        passes = NOTHING_APART
        for condition in bench.clean:
            one, other = (
                predict_under(
                    bench.evaluator,
                    condition,
                    bench.fitted.method,
                    bench.predictor,
                    seed=context,
                    key=("audit", context),
                )
                for context in (0, 1)
            )
            passes = passes + Apart.of(one, other)
        changed = bench.short_again.changed_from(bench.short)
        evidence: dict[str, Number] = {
            "flips": round(passes.share, 4),
            "apart": passes.most,
            "tolerance": TOLERANCE,
            "predictions": passes.rows,
            "arrays": len(bench.short.learnt),
            "arrays_changed": len(changed),
        }
        said = []
        if passes.differs:
            said.append(
                f"{passes.flips} of {passes.rows} predictions flip between two passes, logits move "
                f"by {passes.most:.2g}"
            )
        if changed:
            said.append(
                f"{len(changed)} of {len(bench.short.learnt)} learnt arrays differ between two "
                f"trainings with one seed (first {changed[0]})"
            )
        text = "; ".join(said) or "two passes and two trainings are equal"
        return Finding(verdict_of(bool(said)), text, evidence)
