"""What a reader of a gate's outcome must know, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from merbench.check.match import Match
from merbench.statistics.exchange import smallest_p

CLUSTERS = 8  # fewer say little of others
SEEDS = 3


def notes_of(match: Match, alpha: float, blocks: int, clusters: int, seeds: int) -> Iterator[str]:
    """Say what limits an outcome, and what else differs between run and reference.

    Args:
        match: what was held against what.
        alpha: of the gate.
        blocks: how many were exchanged; 0 where nothing was compared.
        clusters: how many speakers or dialogues were tested.
        seeds: how many a method has, the fewest.
    """
    run, reference = match.run, match.reference
    if not match.paired:
        yield (
            "Unpaired: the corruptions were drawn anew (the draws hashes differ), so that folds "
            "are exchanged, all seeds of one together."
        )
    least = smallest_p(blocks)
    if blocks and least > alpha:
        what = "fold-and-seed pairs of trained models" if match.paired else "folds"
        yield (
            f"This gate cannot fire: {blocks} {what} give no p below {least:.3g}, and alpha is "
            f"{alpha:g}. More folds or seeds would."
        )
    few = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, wanted, word in (
            (clusters, CLUSTERS, reference.units.kind or "cluster"),
            (seeds, SEEDS, "seed"),
        )
        if number < wanted
    ]
    if blocks and few:
        yield (
            f"{' and '.join(few)}: a gate wants {CLUSTERS} speakers or dialogues and {SEEDS} "
            "seeds, or it sees large drops only."
        )
    if run.suite_hash != reference.suite_hash:
        yield "The suites differ (their hashes do): training or methods may be set differently."
    changed = [
        f"{name} {reference.versions[name]} -> {version}"
        for name, version in run.versions.items()
        if name in reference.versions and reference.versions[name] != version
    ]
    if changed:
        yield f"Versions: {', '.join(changed)}."
