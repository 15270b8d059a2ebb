"""What stands at each severity of a noise."""

from __future__ import annotations

from collections.abc import Iterator

from merbench.results.averages import MEAN, Average, Mean, Pool, mean_of, over_settings
from merbench.results.conditions import NO_NOISE, NoiseColumn, patterns_of
from merbench.results.header import TableHeader


def origin_of(header: TableHeader, pattern: str, column: NoiseColumn) -> str:
    """Return the pattern whose noise-free column is severity 0.

    Noise on what is absent shows it, and at severity 0 shows it clean; what the noise has no
    meaning for stays absent.
    """
    if column.on == "present":
        return pattern
    there = pattern.split("+")
    unmet = header.unmet.get(column.noise, ()) if column.on == "absent" else ()
    return "+".join(m for m in header.modalities if m in there or m not in unmet)


def severity_points(header: TableHeader, column: NoiseColumn) -> dict[str, dict[float, Average]]:
    """Return, for `mean` and each pattern, what stands at each severity."""
    complete = header.complete
    patterns = {
        pattern: dict(_curve(header, pattern, column)) for pattern in patterns_of(header.conditions)
    }
    patterns = {pattern: curve for pattern, curve in patterns.items() if curve}
    partials = [curve for pattern, curve in patterns.items() if pattern != complete]
    # The mean stands only where every pattern has a point: else its members would change along it.
    shared = set.intersection(*(set(curve) for curve in partials)) if partials else set()
    mean: dict[float, Average] = {
        severity: average
        for severity in shared
        if (average := mean_of([curve[severity] for curve in partials])) is not None
    }
    return ({MEAN: mean} if mean else {}) | patterns


def _curve(
    header: TableHeader, pattern: str, column: NoiseColumn
) -> Iterator[tuple[float, Average]]:
    conditions = header.conditions
    draws: dict[float, list[Pool]] = {}
    for k, c in enumerate(conditions):
        if c.pattern == pattern and c.column == column:
            draws.setdefault(c.severity, []).append(Pool((k,)))
    if not draws:
        return
    start = over_settings(conditions, origin_of(header, pattern, column), NO_NOISE)
    if start is not None and 0.0 not in draws:
        yield 0.0, start
    for severity, found in draws.items():
        yield severity, Mean(tuple(found))
