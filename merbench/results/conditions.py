"""Conditions: one corruption of the test part each, and their order in a grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

CLEAN = "none"
AT_RANDOM = "random"
TEXT = pa.dictionary(pa.int32(), pa.string())
FIELDS = (
    pa.field("condition", pa.int32()),
    pa.field("pattern", TEXT),
    pa.field("noise", TEXT),
    pa.field("on", TEXT),
    pa.field("level", pa.int16()),
    pa.field("requested", pa.float64()),
    pa.field("severity", pa.float64()),
    pa.field("draw", pa.int16()),
)


class ConditionKey(NamedTuple):
    """What was done to the test part.

    Attributes:
        pattern: names of the modalities present, joined by `+` in corpus order.
        noise: type of the noise, `none` where modalities are only missing.
        on: which modalities it fell on (`absent`, `present` or `all`), empty without noise; or
            `random`, where `noise` names a way of missing at random and severity is its rate.
        level: step of the noise schedule; None for noises that have none.
        requested: severity the suite asked for; NaN where it asked for something else.
        severity: severity that was applied, 0 without noise.
        draw: number of the frozen draw.
    """

    pattern: str
    noise: str = CLEAN
    on: str = ""
    level: int | None = None
    requested: float = math.nan
    severity: float = 0.0
    draw: int = 0

    @property
    def is_clean(self) -> bool:
        """True where modalities are missing at most."""
        return self.noise == CLEAN

    @property
    def applied(self) -> str:
        """What was done, equal where it is: how a severity was asked for does not matter."""
        return repr(self._replace(requested=0.0))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON values, NaN as null."""
        return self._asdict() | {
            "requested": None if math.isnan(self.requested) else self.requested
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> ConditionKey:
        """Return the condition that `to_plain` gave these values for."""
        requested = values["requested"]
        return cls(**{**values, "requested": math.nan if requested is None else requested})

    @property
    def column(self) -> NoiseColumn:
        """The noise and where it fell."""
        return NoiseColumn(self.noise, self.on)


class NoiseColumn(NamedTuple):
    """One table of a report: a noise type and the modalities it falls on."""

    noise: str
    on: str

    @property
    def at_random(self) -> bool:
        """True where modalities are missing at random, and nothing is noised."""
        return self.on == AT_RANDOM

    @property
    def is_noise(self) -> bool:
        """True where features are noised."""
        return self.noise != CLEAN and not self.at_random

    @property
    def axis(self) -> str:
        """What its conditions differ in."""
        return "missing rate" if self.at_random else "severity"

    @property
    def short(self) -> str:
        """For narrow headings."""
        if self.noise == CLEAN:
            return "no noise"
        return f"{self.noise}, missing" if self.at_random else f"{self.noise}, {self.on}"

    @property
    def title(self) -> str:
        """For headings."""
        if self.noise == CLEAN:
            return "missing modalities, no noise"
        if self.at_random:
            return f"{self.noise}: modalities missing at random"
        where = "all modalities" if self.on == "all" else f"{self.on} modalities"
        return f"{self.noise} noise on {where}"


NO_NOISE = NoiseColumn(CLEAN, "")


def patterns_of(conditions: Iterable[ConditionKey]) -> tuple[str, ...]:
    """Return the patterns in grid order."""
    return tuple(dict.fromkeys(c.pattern for c in conditions))


def columns_of(conditions: Iterable[ConditionKey]) -> tuple[NoiseColumn, ...]:
    """Return the noise columns in grid order, the noise-free one first where there is one."""
    columns = dict.fromkeys(c.column for c in conditions)
    return tuple(sorted(columns, key=lambda column: column.noise != CLEAN))


def in_grid_order(
    conditions: Sequence[ConditionKey], patterns: Sequence[str]
) -> tuple[ConditionKey, ...]:
    """Sort conditions: patterns as given, then clean before the noises, then severity, then draw.

    Noises keep the order in which they first occur.
    """
    columns = columns_of(conditions)

    def place(condition: ConditionKey) -> tuple[int, int, float, int, int]:
        level = -1 if condition.level is None else condition.level
        return (
            patterns.index(condition.pattern),
            columns.index(condition.column),
            condition.severity,
            level,
            condition.draw,
        )

    return tuple(sorted(conditions, key=place))


def conditions_table(conditions: Sequence[ConditionKey]) -> pa.Table:
    """Return a table of the K conditions in grid order; `condition` is the position in it."""
    schema = pa.schema(FIELDS)
    columns: list[pa.Array] = [pa.array(range(len(conditions)), pa.int32())]
    for field in FIELDS[1:]:
        values = [getattr(c, field.name) for c in conditions]
        columns.append(pa.array(values, field.type, from_pandas=True))
    return pa.Table.from_arrays(columns, schema=schema)
