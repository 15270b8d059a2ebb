"""Which tolerance a rule has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from merbench.errors import ConfigError, did_you_mean
from merbench.results.conditions import CLEAN, columns_of, patterns_of
from merbench.results.header import TableHeader
from merbench.suite.gate import DEFAULT_POINTS, GateConfig, Tolerance

PATTERNS = "patterns"
NOISES = "noises"


class Tolerances:
    """The tolerances of a gate, with what their groups stand for."""

    def __init__(
        self, gate: GateConfig, header: TableHeader, metrics: Sequence[str], groups: Iterable[str]
    ) -> None:
        """Check that every tolerance names something that is there.

        Raises:
            ConfigError: one does not.
        """
        self._entries = (Tolerance(points=DEFAULT_POINTS), *gate.tolerances)
        self._names = {group: {group} for group in groups}
        for pattern in patterns_of(header.conditions):
            if pattern in self._names:
                self._names[pattern].add(PATTERNS)
        for column in columns_of(header.conditions):
            if column.noise != CLEAN:
                group = NOISES if column.is_noise else PATTERNS
                self._names[column.title] |= {group, column.noise}
        known = {
            "metric": set(metrics),
            "method": set(header.methods),
            "group": set().union(*self._names.values()),
        }
        for place, entry in enumerate(gate.tolerances):
            for field, names in known.items():
                value = getattr(entry, field)
                if value is not None and value not in names:
                    raise ConfigError(
                        f"gate.tolerances.{place}.{field}: unknown {field} {value!r}; "
                        f"{did_you_mean(value, names)}"
                    )

    def of(self, method: str, metric: str, group: str, reference: float) -> float:
        """Return the largest drop that a rule tolerates, a fraction.

        Args:
            method: label.
            metric: name.
            group: of conditions.
            reference: the rule's value in the reference.
        """
        fitting = [
            entry
            for entry in self._entries
            if entry.method in (None, method)
            and entry.metric in (None, metric)
            and (entry.group is None or entry.group in self._names[group])
        ]
        return fitting[-1].of(reference)
