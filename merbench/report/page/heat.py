"""The whole grid, one noise at a time: methods down, patterns by severity across, in colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.findings import Findings
from merbench.report.page.numbers import percent, severity
from merbench.report.page.pattern_tables import noise_key, noise_title, pattern_note
from merbench.results.conditions import CLEAN, NoiseColumn, columns_of, patterns_of

STEPS = 10
GONE = "gone"
QUANTITIES = ("value", "low", "high")


@dataclass(frozen=True)
class HeatGroup:
    """The columns of one pattern: a severity each, and the noise-free one."""

    pattern: str
    note: str
    severities: tuple[str, ...]


@dataclass(frozen=True)
class HeatCell:
    """A rounded value and its step of the ramp; `first` of its pattern."""

    text: str
    step: int
    first: bool


@dataclass(frozen=True)
class HeatTable:
    """One noise.

    Attributes:
        noise: what the controls call it.
        title: of the noise.
        groups: headings.
        rows: name of a method and its cells.
        members: for each column, the positions of its conditions (several draws are averaged).
    """

    noise: str
    title: str
    groups: tuple[HeatGroup, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    members: tuple[tuple[int, ...], ...]


def grid_values(findings: Findings, metric: str) -> dict[str, NDArray[np.float64]]:
    """Return value, low and high of a metric, each (methods, conditions); NaN where none is."""
    header = findings.header
    shape = (len(header.methods), len(header.conditions))
    frame = findings.grid[findings.grid["metric"] == metric]
    index = {method: position for position, method in enumerate(header.methods)}
    rows = frame["method"].map(index).to_numpy(dtype=int)
    columns = frame["condition"].to_numpy(dtype=int)
    found = {}
    for name in QUANTITIES:
        values = np.full(shape, np.nan)
        values[rows, columns] = frame[name].to_numpy(dtype=float)
        found[name] = values
    return found


def members_mean(
    values: NDArray[np.float64], members: tuple[tuple[int, ...], ...]
) -> NDArray[np.float64]:
    """Average the conditions of each column: (methods, conditions) -> (methods, columns)."""
    return np.stack([values[:, list(own)].mean(axis=1) for own in members], axis=1)


def heat_tables(findings: Findings) -> tuple[HeatTable, ...]:
    """Return a table for each noise of the grid, or one where there is no noise at all."""
    columns = columns_of(findings.header.conditions)
    noisy = [c for c in columns if c.noise != CLEAN] or list(columns)
    values = grid_values(findings, findings.metrics[0])["value"]
    if not values.size or np.isnan(values).all():
        return ()
    chance = 1 / len(findings.header.classes)
    top = float(np.nanmax(values))
    return tuple(_table(findings, column, values, chance, top) for column in noisy)


def _table(
    findings: Findings, column: NoiseColumn, values: NDArray[np.float64], chance: float, top: float
) -> HeatTable:
    header = findings.header
    groups, members = [], []
    for pattern in patterns_of(header.conditions):
        own: dict[float, list[int]] = {}
        for position, condition in enumerate(header.conditions):
            if condition.pattern == pattern and condition.column == column:
                own.setdefault(condition.severity, []).append(position)
        if not own:
            continue
        clean = [k for k, c in enumerate(header.conditions) if c.pattern == pattern and c.is_clean]
        names = {s: severity(s) for s in own}
        if clean and column.noise != CLEAN and column.on == "absent":
            # What the noise replaces: there, nothing is left of the modality at all.
            own[math.inf] = clean
            names[math.inf] = GONE
        elif clean and column.noise != CLEAN:
            own = {0.0: clean} | own
            names = {0.0: "0"} | names
        note = pattern_note(pattern, header.modalities, column.on)
        groups.append(HeatGroup(pattern, note, tuple(names[s] for s in own)))
        members += [tuple(positions) for positions in own.values()]
    shown = members_mean(values, tuple(members))
    firsts = set(np.cumsum([0, *(len(g.severities) for g in groups)]).tolist())
    rows = [
        (
            findings.names.get(method, method),
            tuple(
                HeatCell(percent(v, 0), heat_step(float(v), chance, top), k in firsts)
                for k, v in enumerate(shown[index])
            ),
        )
        for index, method in enumerate(header.methods)
    ]
    return HeatTable(
        noise_key(column), noise_title(column), tuple(groups), tuple(rows), tuple(members)
    )


def heat_step(value: float, chance: float, top: float) -> int:
    """Return the step of the ramp: 0 at chance and below, `STEPS - 1` at the top."""
    if math.isnan(value):
        return 0
    share = (value - chance) / max(top - chance, 1e-9)
    return min(STEPS - 1, max(0, int(share * STEPS)))
