"""The order in which conditions are evaluated: few embeddings are held, none is made twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from merbench.corruption.grid import ModalityInput

Inputs = tuple[ModalityInput, ...]


class Embedded(NamedTuple):
    """What is embedded once: one modality under one input."""

    modality: int
    seen: ModalityInput


@dataclass(frozen=True)
class Round:
    """Conditions that are evaluated one after another, with the embeddings they share.

    Attributes:
        conditions: their numbers.
        embed: the noised inputs they need that no round before needed.
        forget: the noised inputs that no round after needs.
    """

    conditions: tuple[int, ...]
    embed: tuple[Embedded, ...]
    forget: tuple[Embedded, ...]


def rounds(inputs: Sequence[Inputs], at_most: int) -> Iterator[Round]:
    """Yield rounds that hold every condition once.

    Conditions with the same noise, point and draw read the same noised inputs, so they share a
    round. A round holds several such groups where there is room for all they embed.

    Args:
        inputs: of each condition, what it shows of each modality.
        at_most: the inputs of one modality to embed in a round; more only where one group asks
            for them.
    """
    bundles = _bundles(list(_groups(inputs).values()), inputs, at_most)
    needs = [_noised(bundle, inputs) for bundle in bundles]
    first: dict[Embedded, int] = {}
    last: dict[Embedded, int] = {}
    for place, needed in enumerate(needs):
        for each in needed:
            first.setdefault(each, place)
            last[each] = place
    for place, (bundle, needed) in enumerate(zip(bundles, needs, strict=True)):
        yield Round(tuple(bundle), _at(first, needed, place), _at(last, needed, place))


def _at(
    places: Mapping[Embedded, int], needed: Sequence[Embedded], place: int
) -> tuple[Embedded, ...]:
    return tuple(each for each in needed if places[each] == place)


def _groups(inputs: Sequence[Inputs]) -> dict[frozenset[object], list[int]]:
    """Return the noises, points and draws that conditions show -> their numbers."""
    groups: dict[frozenset[object], list[int]] = {}
    for number, shown in enumerate(inputs):
        met = frozenset((s.noise, s.point, s.draw) for s in shown if s.noise is not None)
        groups.setdefault(met, []).append(number)
    return groups


def _bundles(
    groups: Sequence[list[int]], inputs: Sequence[Inputs], at_most: int
) -> list[list[int]]:
    """Put groups together, in their order, as long as what they embed has room."""
    bundles: list[list[int]] = []
    embedded: set[Embedded] = set()
    used: Counter[int] = Counter()
    for group in groups:
        new = [each for each in _noised(group, inputs) if each not in embedded]
        more = Counter(each.modality for each in new)
        if bundles and all(used[m] + more[m] <= at_most for m in more):
            bundles[-1] += group
            used += more
        else:
            bundles.append([*group])
            used = more
        embedded.update(new)
    return bundles


def _noised(numbers: Sequence[int], inputs: Sequence[Inputs]) -> tuple[Embedded, ...]:
    """Return the noised inputs of some conditions, in order of first use."""
    return tuple(
        dict.fromkeys(
            Embedded(modality, seen)
            for number in numbers
            for modality, seen in enumerate(inputs[number])
            if seen.noise is not None
        )
    )
