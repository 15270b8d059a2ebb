"""The grid: every condition a trained method meets, each exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from merbench.corpus.corpus import Corpus, Kind
from merbench.corruption.missing import MissingColumn, RandomMissing
from merbench.corruption.noises.base import Noise, Point
from merbench.features.observation import State
from merbench.results.conditions import AT_RANDOM

On = Literal["absent", "present", "all"]


@dataclass(frozen=True)
class ModalityInput:
    """What happens to one modality under a condition.

    Attributes:
        state: what the method is told.
        noise: label of the noise column, None where clean or absent.
        point: where on its axis.
        draw: which frozen draw.
    """

    state: State
    noise: str | None = None
    point: Point | None = None
    draw: int = 0


CLEAN = ModalityInput(State.PRESENT)
ABSENT = ModalityInput(State.ABSENT)


@dataclass(frozen=True)
class NoiseColumn:
    """One `noise` entry of a suite, with its points resolved."""

    label: str
    noise: Noise
    on: tuple[On, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Condition:
    """One column of the grid.

    Attributes:
        pattern: the modalities present, in corpus order.
        noise: label of the noise, "none" where modalities are only missing.
        on: which modalities the noise meets, "" without noise.
        point: where on the noise's axis, None without noise.
        draw: which frozen draw.
        inputs: what happens to each modality, in corpus order.
        missing: what else is missing, from some utterances and not from others; then `noise` is its
            label, `on` is "random", the pattern is the complete one and the severity is the rate.
    """

    pattern: tuple[str, ...]
    noise: str
    on: str
    point: Point | None
    draw: int
    inputs: tuple[ModalityInput, ...]
    missing: RandomMissing | None = None

    @property
    def identity(self) -> str:
        """What tells the condition from every other, whatever grid it stands in."""
        point = "" if self.point is None else f"{self.point.severity!r} {self.point.level}"
        return f"{'+'.join(self.pattern)} {self.noise} {self.on} {point} {self.draw}"

    @property
    def name(self) -> str:
        """How the condition is called in messages."""
        if self.point is None:
            return "+".join(self.pattern)
        if self.missing is not None:
            return f"{self.noise} {self.point.requested:.2f} missing"
        return f"{'+'.join(self.pattern)} {self.noise} {self.point.severity:.2f} on {self.on}"


@dataclass(frozen=True)
class Grid:
    """The conditions that are evaluated, and those that are not, with the reason.

    Attributes:
        conditions: without duplicates; noise-free columns first.
        duplicates: name of a condition -> name of the one that already shows the same inputs.
        not_applicable: conditions whose noise has no meaning for any modality it would meet.
        columns: the noises.
        missing: the ways of missing at random.
    """

    conditions: tuple[Condition, ...]
    duplicates: dict[str, str]
    not_applicable: tuple[str, ...]
    columns: tuple[NoiseColumn, ...]
    missing: tuple[MissingColumn, ...] = ()

    @cached_property
    def noises(self) -> dict[str, Noise]:
        """Label -> noise."""
        return {column.label: column.noise for column in self.columns}

    def inputs(self, modality: int) -> tuple[ModalityInput, ...]:
        """Return the distinct inputs one modality meets, in order of first use."""
        return tuple(dict.fromkeys(c.inputs[modality] for c in self.conditions))


def all_patterns(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the 2^M - 1 non-empty sets of modalities: singles first, the complete one last."""
    return tuple(
        subset
        for size in range(1, len(names) + 1)
        for subset in itertools.combinations(names, size)
    )


def partial_patterns(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the 2^M - 2 patterns in which something is missing."""
    return all_patterns(names)[:-1]


def _has_meaning(column: NoiseColumn, kind: Kind) -> bool:
    return not column.noise.timed or kind != "vector"


def unmet(corpus: Corpus, columns: Sequence[NoiseColumn]) -> dict[str, tuple[str, ...]]:
    """Return label of a noise -> the modalities that it has no meaning for, where there are any."""
    found = {
        column.label: tuple(m.name for m in corpus.modalities if not _has_meaning(column, m.kind))
        for column in columns
    }
    return {label: names for label, names in found.items() if names}


def _noise_input(kind: Kind, column: NoiseColumn, point: Point, draw: int) -> ModalityInput | None:
    """Return the noised input, or None where the noise has no meaning for this kind."""
    if not _has_meaning(column, kind):
        return None
    if point.severity == 0:
        return CLEAN
    return ModalityInput(State.NOISED, column.label, point, draw)


def _inputs(
    kinds: dict[str, Kind],
    pattern: tuple[str, ...],
    on: On,
    column: NoiseColumn,
    point: Point,
    draw: int,
) -> tuple[ModalityInput, ...] | None:
    """Return what each modality meets, or None where the noise meets none of them."""
    met = {
        "absent": [m for m in kinds if m not in pattern],
        "present": list(pattern),
        "all": list(kinds),
    }[on]
    noised = {m: _noise_input(kinds[m], column, point, draw) for m in met}
    if met and all(found is None for found in noised.values()):
        return None
    return tuple(noised.get(m) or (CLEAN if m in pattern else ABSENT) for m in kinds)


def _raw_conditions(
    kinds: dict[str, Kind],
    patterns: Sequence[tuple[str, ...]],
    columns: Sequence[NoiseColumn],
    draws: int,
) -> Iterator[Condition | str]:
    """Yield conditions in table order; a plain name where the noise does not apply."""
    for pattern in patterns:
        clean = tuple(CLEAN if m in pattern else ABSENT for m in kinds)
        yield Condition(pattern, "none", "", None, 0, clean)
    for column in columns:
        for on, point, draw in itertools.product(column.on, column.points, range(draws)):
            # Noise on all modalities leaves none absent: whatever the suite's patterns, there is
            # one condition, of the complete pattern.
            for pattern in [tuple(kinds)] if on == "all" else patterns:
                inputs = _inputs(kinds, pattern, on, column, point, draw)
                if inputs is None:
                    yield f"{'+'.join(pattern)} {column.label} on {on}"
                else:
                    yield Condition(pattern, column.label, on, point, draw, inputs)


def _missing_conditions(
    names: tuple[str, ...], columns: Sequence[MissingColumn], draws: int
) -> Iterator[Condition]:
    """Yield conditions in which modalities of the complete pattern are missing at random."""
    clean = tuple(CLEAN for _ in names)
    for column in columns:
        for rate, draw in itertools.product(column.rates, range(draws)):
            missing = column.at(rate, draw)
            point = Point(rate, missing.rate)
            where = missing if missing.rate else None
            yield Condition(names, column.label, AT_RANDOM, point, draw, clean, where)


def build_grid(
    corpus: Corpus,
    patterns: Sequence[tuple[str, ...]],
    columns: Sequence[NoiseColumn],
    draws: int = 1,
    missing: Sequence[MissingColumn] = (),
) -> Grid:
    """Combine patterns, noises, severities and draws.

    Args:
        corpus: names and kinds of the modalities.
        patterns: sets of modalities present, names in corpus order.
        columns: the noises.
        draws: frozen draws of each noise.
        missing: ways of missing at random.
    """
    kinds = {m.name: m.kind for m in corpus.modalities}
    shown: dict[tuple[object, ...], Condition] = {}
    duplicates: dict[str, str] = {}
    not_applicable: dict[str, None] = {}
    # The complete clean column is known even where the suite leaves it out: noise on what is
    # absent from it is a duplicate, not a condition.
    complete = Condition(tuple(kinds), "none", "", None, 0, tuple(CLEAN for _ in kinds))
    clean = {} if complete.pattern in patterns else {complete.inputs: complete}
    at_random = _missing_conditions(tuple(kinds), missing, draws)
    for found in itertools.chain(_raw_conditions(kinds, patterns, columns, draws), at_random):
        if isinstance(found, str):
            not_applicable[found] = None
            continue
        # Two columns may show the same inputs under different names (a vector that a timed noise
        # leaves clean, beside one that the pattern shows): each table keeps its own.
        key = (found.noise, found.on, found.inputs, found.missing)
        same = shown.get(key) if found.missing else clean.get(found.inputs) or shown.get(key)
        if same is not None:
            duplicates[found.name] = same.name
            continue
        shown[key] = found
        if found.point is None:
            clean[found.inputs] = found
    return Grid(
        tuple(shown.values()),
        duplicates,
        tuple(not_applicable),
        tuple(columns),
        tuple(missing),
    )
