"""Which condition of a grid a row means: by its id, or by what was done to the test part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from merbench.errors import did_you_mean
from merbench.results.conditions import CLEAN, ConditionKey

KEYS = ("pattern", "noise", "on", "level", "severity", "draw")
# What stands for a key column that a file leaves out; a pattern cannot be left out.
DEFAULTS = {"noise": CLEAN, "on": "", "level": "", "severity": "", "draw": "0"}
_CLOSE = 1e-6


class Meaning(NamedTuple):
    """A condition's id, or -1 with the column at fault and what was expected."""

    condition: int
    column: str = ""
    problem: str = ""


class ConditionLookup:
    """Finds conditions of one grid."""

    def __init__(self, conditions: Sequence[ConditionKey], modalities: Sequence[str]) -> None:
        self._conditions = conditions
        self._modalities = modalities
        self._patterns = list(dict.fromkeys(c.pattern for c in conditions))

    def name(self, condition: int) -> str:
        """Return how messages call a condition."""
        key = self._conditions[condition]
        if key.is_clean:
            return f"{condition} ({key.pattern})"
        draw = f", draw {key.draw}" if key.draw else ""
        return f"{condition} ({key.pattern}, {key.noise} {key.severity:.2f} on {key.on}{draw})"

    def by_id(self, text: str) -> Meaning:
        """Find a condition by its id as written."""
        number = _whole(text)
        last = len(self._conditions) - 1
        if number is None or not 0 <= number <= last:
            return Meaning(
                -1,
                "condition",
                f"no condition {text!r}; expected an id from 0 to {last} of conditions.csv",
            )
        return Meaning(number)

    def by_keys(
        self, pattern: str, noise: str, on: str, level: str, severity: str, draw: str
    ) -> Meaning:
        """Find a condition by its key as written; level and severity may be left out where clean.

        One of level and severity is enough to tell the points of a noise apart.
        """
        wanted = self._in_order(pattern)
        if wanted not in self._patterns:
            return Meaning(
                -1, "pattern", f"no pattern {pattern!r}; {did_you_mean(pattern, self._patterns)}"
            )
        found = [(n, c) for n, c in enumerate(self._conditions) if c.pattern == wanted]
        noise = noise or CLEAN
        for column, value in (("noise", noise), ("on", on)):
            if column == "on" and noise == CLEAN:
                continue
            valid = list(dict.fromkeys(getattr(c, column) for _, c in found))
            if value not in valid:
                where = f"pattern {wanted!r} has no condition with {column} {value!r}"
                return Meaning(-1, column, f"{where}; {did_you_mean(value, valid)}")
            found = [(n, c) for n, c in found if getattr(c, column) == value]
        if noise != CLEAN:
            narrowed = _at_point(found, level, severity)
            if isinstance(narrowed, Meaning):
                return narrowed
            found = narrowed
        drawn = _whole(draw or "0")
        draws = [n for n, c in found if c.draw == drawn]
        if not draws:
            valid = sorted({str(c.draw) for _, c in found})
            return Meaning(-1, "draw", f"no draw {draw!r}; {did_you_mean(draw, valid)}")
        return Meaning(draws[0])

    def _in_order(self, pattern: str) -> str:
        names = [name.strip() for name in pattern.split("+")]
        if not {*names} <= {*self._modalities}:
            return pattern
        return "+".join(name for name in self._modalities if name in names)


_Candidates = list[tuple[int, ConditionKey]]


def _at_point(found: _Candidates, level: str, severity: str) -> _Candidates | Meaning:
    """Keep the conditions at a level and severity, either of which may be empty."""
    if level:
        wanted = _whole(level)
        levels = {str(c.level) for _, c in found if c.level is not None}
        found = [(n, c) for n, c in found if wanted is not None and c.level == wanted]
        if not found:
            return Meaning(-1, "level", f"no level {level!r}; {did_you_mean(level, levels)}")
    if severity or not level:
        at = _number(severity)
        severities = dict.fromkeys(repr(c.severity) for _, c in found)
        found = [(n, c) for n, c in found if at is not None and abs(c.severity - at) < _CLOSE]
        if not found:
            listed = ", ".join(severities)
            return Meaning(
                -1, "severity", f"no severity {severity!r}; valid (as applied): {listed}"
            )
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    """Return a whole number, which tables with gaps may write as 3.0."""
    number = _number(text)
    if number is None or not number.is_integer():
        return None
    return int(number)
