"""Whether a prediction depends on who stands beside the utterance, or on how it is padded."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from merbench.audit.bench import Bench
from merbench.audit.predict import (
    NOTHING_APART,
    TOLERANCE,
    Apart,
    padded_to,
    predict,
)
from merbench.audit.verdict import Check, Finding, NotApplicableError, Number, verdict_of
from merbench.features.observation import ABSENT_FRAMES

_ALONE, _BATCH = 24, 32
_EXTRA = 11  # frames of padding that nobody asked for


def _longest(bench: Bench) -> dict[str, int]:
    """Return the frames of the longest sequence of each modality that is not a vector."""
    return {
        m.name: max(ABSENT_FRAMES, int(bench.company.part.features[m.name].lengths.max()))
        for m in bench.ready.shape.modalities
        if m.kind != "vector"
    }


def _predicted(bench: Bench, rows: Tensor) -> Tensor:
    """Return logits of utterances whose padding does not depend on who is among them."""
    return predict(bench.predictor, padded_to(bench.mixed(rows), _longest(bench)))


class BatchIndependence(Check[Bench]):
    """Logits are a function of their own utterance."""

    name = "batch_independence"
    proves = "the logits of an utterance do not depend on the utterances beside it"
    how = (
        "the test utterances in one batch, against each alone, all in another order, only those of "
        "one speaker together, each group among training utterances, and cut into batches of "
        f"{_BATCH} with a smaller last one; where the method draws at test, against the same batch "
        f"with other utterances in the other places; all padded alike; tolerance "
        f"{TOLERANCE} relative"
    )

    def run(self, bench: Bench) -> Finding:
        """Compare."""
        bench.need_repeatable_predictions()
        bench.need_scores()
        compared = _same_places(bench) if bench.draws else _any_place(bench)
        evidence: dict[str, Number] = {"tolerance": TOLERANCE}
        worst, worst_name = NOTHING_APART, ""
        for name, found in compared:
            if isinstance(found, str):
                evidence[name] = found
                return Finding("fail", f"{name}: {found}", evidence)
            evidence[f"{name}_flips"] = round(found.share, 4)
            evidence[f"{name}_apart"] = found.most
            if (found.share, found.most) >= (worst.share, worst.most):
                worst, worst_name = found, name
        failed = worst.differs
        text = (
            f"{worst_name}: {worst.flips} of {worst.rows} predictions flip, "
            f"logits move by {worst.most:.2g}"
            if failed
            else f"logits move by {worst.most:.1g} at most, in no company does one flip"
        )
        return Finding(verdict_of(failed), text, evidence)


def _any_place(bench: Bench) -> Iterator[tuple[str, Apart | str]]:
    """Yield comparisons of a method that draws nothing at test."""
    n = len(bench.fold.test)
    everyone = torch.arange(n)
    reference = _predicted(bench, everyone)

    def of(rows: Tensor) -> Apart:
        asked = rows[rows < n]
        return Apart.of(_predicted(bench, rows)[rows < n], reference[asked])

    alone = everyone[torch.linspace(0, n - 1, min(n, _ALONE)).long()]
    groups = _siblings(bench)
    strangers = torch.arange(n, len(bench.company.part))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    plans = {
        "alone": list(alone.split(1)),
        "permuted": [order],
        "siblings": groups,
        "strangers": [torch.cat([strangers, some]) for some in everyone.split(_BATCH // 2)],
        "last_partial_batch": list(everyone.split(min(_BATCH, max(1, n - n // 3)))),
    }
    for name, batches in plans.items():
        found = NOTHING_APART
        for rows in batches:
            try:
                found = found + of(rows)
            except NotApplicableError:
                raise
            except Exception as error:  # whatever a method does with a batch it did not expect
                yield name, f"a batch of {len(rows)} raises {type(error).__name__}: {error}"
                return
        yield name, found


def _siblings(bench: Bench) -> list[Tensor]:
    groups = bench.corpus.groups
    if not groups:
        return list(torch.arange(len(bench.fold.test)).chunk(2))
    column = next(iter(groups.values()))[bench.fold.test].tolist()
    return [
        torch.tensor([row for row, each in enumerate(column) if each == group])
        for group in sorted(set(column))
    ]


def _same_places(bench: Bench) -> Iterator[tuple[str, Apart | str]]:
    """Yield comparisons in which an utterance keeps its place, so that it keeps its draws."""
    n = len(bench.fold.test)
    stay = torch.arange(n) % 2 == 0
    others = torch.arange(n)
    others[~stay] = others[~stay].flip(0)
    strange = torch.arange(n)
    behind = torch.arange(n, len(bench.company.part))
    places = (~stay).nonzero().squeeze(1)
    strange[places] = behind[torch.arange(len(places)) % len(behind)]
    reference = _predicted(bench, torch.arange(n))
    for name, rows in (("permuted_mates", others), ("strangers", strange)):
        yield name, Apart.of(_predicted(bench, rows)[stay], reference[stay])


class PaddingIndependence(Check[Bench]):
    """Logits do not depend on frames that are not there."""

    name = "padding_independence"
    proves = "the logits of an utterance do not depend on how far its sequences are padded"
    how = (
        "the same test utterances in the same batch, all sequences padded further than the longest "
        f"asks for; vectors are never padded; tolerance {TOLERANCE} relative"
    )

    def run(self, bench: Bench) -> Finding:
        """Compare."""
        bench.need_repeatable_predictions()
        if not _longest(bench):
            raise NotApplicableError("every modality is a vector")
        longer = {name: frames + _EXTRA for name, frames in _longest(bench).items()}
        seen = padded_to(bench.whole, longer)
        found = Apart.of(predict(bench.predictor, seen), bench.reference)
        evidence: dict[str, Number] = {
            "flips": round(found.share, 4),
            "apart": found.most,
            "tolerance": TOLERANCE,
        }
        text = (
            f"{found.flips} of {found.rows} predictions flip with more padding, logits move by "
            f"{found.most:.2g}"
            if found.differs
            else f"logits move by {found.most:.1g} with more padding"
        )
        return Finding(verdict_of(found.differs), text, evidence)
