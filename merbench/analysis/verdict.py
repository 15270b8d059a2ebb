"""The verdict: what may be claimed, what may not, and why, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from merbench.analysis.contrasts import HEADLINE_METHOD
from merbench.analysis.evidence import Evidence, linear
from merbench.analysis.findings import Inference, Statement
from merbench.results.conditions import NoiseColumn
from merbench.results.header import TableHeader
from merbench.results.summary import COMPLETE, GRID_MEAN, PARTIAL_MEAN, Summary
from merbench.statistics.corrections import holm
from merbench.statistics.interval import Intervals
from merbench.statistics.outcome import ALPHA

LARGEST = 0.5  # no two methods of the field differ by half
_COLUMNS = {COMPLETE: "complete pattern", PARTIAL_MEAN: PARTIAL_MEAN, GRID_MEAN: GRID_MEAN}


@dataclass(frozen=True)
class Ground:
    """What the verdict rests on.

    Attributes:
        header: axes of the run.
        evidence: values and their spread.
        overview: of the main metric.
        missing: the noise-free table of the main metric, None where the grid has none.
        contrasts: of the main metric.
        robustness: all of it.
        inference: what the intervals rest on.
        untested: declared pairs that could not be tested.
    """

    header: TableHeader
    evidence: Evidence
    overview: Summary
    missing: Summary | None
    contrasts: pd.DataFrame
    robustness: pd.DataFrame
    inference: Inference
    untested: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> Mapping[str, str]:
        """Label -> how the method is shown."""
        return {m: self.header.shown_as.get(m, m) for m in self.header.methods}

    def list(self, methods: Sequence[str]) -> str:
        """Return how methods are shown, as words."""
        return _join([self.names[m] for m in methods])


def verdict(ground: Ground) -> tuple[Statement, ...]:
    """Return the sentences, the most important first."""
    return (
        *_leader(ground),
        *_without_each(ground),
        *_breakdowns(ground),
        *_contrasts(ground),
        *(Statement("limit", note) for note in ground.inference.notes),
    )


def _leader(ground: Ground) -> Iterator[Statement]:
    """Say who leads on the headline column, and which of the others that separates it from."""
    column, label = ground.overview.headline, ground.overview.metric.label
    values = ground.overview.wide()[column].dropna().sort_values(ascending=False, kind="stable")
    if not len(values):
        return
    best = str(values.index[0])
    share = f"{_percent(values.iloc[0])} {label}"
    if len(values) == 1:
        text = f"{ground.names[best]} has {share} on the {_COLUMNS[column]}; it is the only method."
        yield Statement("lead", text)
        return
    second = str(values.index[1])
    gaps, adjusted = _gaps(ground, column, best)
    gap = gaps[second]
    ahead = f"{points(float(gap.value))} ahead of"
    if round(100 * float(gap.value), 1) == 0:
        ahead = "level with"
    yield Statement(
        "lead",
        f"{ground.names[best]} leads on the {_COLUMNS[column]} with {share}, {ahead} "
        f"{ground.names[second]}{_interval(gap)}.",
    )
    if ground.inference.scope == "none":
        return
    others = [str(m) for m in values.index[1:]]
    beaten = [m for m in others if adjusted[m] < ALPHA]
    close = [m for m in others if not adjusted[m] < ALPHA]
    if beaten:
        yield Statement(
            "supported",
            f"{ground.names[best]} is better than {ground.list(beaten)} (p corrected for all "
            f"pairs){_scope(ground.inference, best, *beaten)}.",
        )
    if close:
        yield Statement(
            "unsupported",
            f"No difference is shown between {ground.names[best]} and {ground.list(close)}: the "
            "corrected p is above .05.",
        )


def _gaps(ground: Ground, column: str, best: str) -> tuple[dict[str, Intervals], dict[str, float]]:
    """Return the leader's lead on each method, and p adjusted over all pairs.

    The leader was not named beforehand, so each of its comparisons is one of all pairs.
    """
    evidence, metric = ground.evidence, ground.overview.metric.name
    value = linear(evidence.matrices.weights(ground.overview.averages[column]))
    pairs = list(combinations(evidence.methods, 2))
    found = {pair: evidence.between(metric, *pair, value) for pair in pairs}
    adjusted = dict(zip(pairs, holm(np.array([float(f.p) for f in found.values()])), strict=True))
    gaps, p = {}, {}
    for (a, b), interval in found.items():
        if best in (a, b):
            other = b if a == best else a
            gaps[other] = interval if a == best else _turned(interval)
            p[other] = float(adjusted[a, b])
    return gaps, p


def _turned(interval: Intervals) -> Intervals:
    return interval._replace(value=-interval.value, low=-interval.high, high=-interval.low)


def _without_each(ground: Ground) -> Iterator[Statement]:
    """Say which method is best when one modality is missing."""
    if ground.missing is None or len(ground.header.modalities) < 2:
        return
    table, label = ground.missing.wide(), ground.missing.metric.label
    parts = []
    for modality in ground.header.modalities:
        pattern = "+".join(m for m in ground.header.modalities if m != modality)
        if pattern not in table or table[pattern].isna().all():
            continue
        best = str(table[pattern].idxmax())
        parts.append(
            f"{ground.names[best]} when {modality} is missing ({_percent(table[pattern].max())})"
        )
    if parts:
        yield Statement("finding", f"Highest {label} without noise: {'; '.join(parts)}.")


def _breakdowns(ground: Ground) -> Iterator[Statement]:
    """Say at what severity of each noise methods are half-way to chance."""
    found = ground.robustness[ground.robustness["measure"] == "breakdown"]
    unbroken = []
    for (noise, on), rows in found.groupby(["noise", "on"], sort=False):
        column = NoiseColumn(str(noise), str(on))
        how = "(missing at random)" if column.at_random else f"on {on} modalities"
        where = f"{noise} {how}"
        censored = rows["censored"].astype(bool)
        held = [str(m) for m in rows["method"][censored]]
        broken = rows[~censored].dropna(subset="value").sort_values("value", kind="stable")
        if broken.empty:
            unbroken += [where] if held else []
            continue
        told = broken.set_index("method")
        wanted = dict.fromkeys((broken["method"].iloc[0], broken["method"].iloc[-1]))
        wanted |= dict.fromkeys(m for m in (HEADLINE_METHOD,) if m in told.index)
        parts = [f"{ground.names[m]} {_severity(told.loc[m])}" for m in told.index if m in wanted]
        text = f"Half-way to chance under {where}: {', '.join(parts)}"
        end = f"; not within the grid: {ground.list(held)}" if held else ""
        yield Statement("finding", f"{text}{end}.")
    if unbroken:
        yield Statement("finding", f"No method falls half-way to chance under {_join(unbroken)}.")


def _severity(row: pd.Series) -> str:
    text = f"at {row['value']:.2f}"
    if np.isnan(row["low"]):
        return text
    high = "beyond" if np.isnan(row["high"]) else f"{row['high']:.2f}"
    return f"{text} [{row['low']:.2f}, {high}]"


def _contrasts(ground: Ground) -> Iterator[Statement]:
    """Say of each pre-declared contrast whether it is supported."""
    column, rope = _COLUMNS[ground.overview.headline], ground.inference.rope
    for row in ground.contrasts.to_dict("records"):
        pair = (str(row["method"]), str(row["against"]))
        a, b = (ground.names[method] for method in pair)
        scope = _scope(ground.inference, *pair)
        size = f"{100 * row['difference']:+.1f} points"
        if np.isnan(row["p_holm"]):
            yield Statement("unsupported", f"{a} against {b}: {size} on the {column}, no interval.")
            continue
        small = row["low"] > -rope and row["high"] < rope
        size += f" [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}], corrected p " + _p(
            row["p_holm"]
        )
        if row["p_holm"] < ALPHA:
            word = "better" if row["difference"] > 0 else "worse"
            but = f", but by less than {points(rope)}, too little to matter" if small else ""
            text = f"{a} is {word} than {b} on the {column}{but}: {size}{scope}."
            yield Statement("supported", text)
        elif small:
            text = f"{a} and {b} are equivalent within {points(rope)}: {size}{scope}."
            yield Statement("equivalent", text)
        else:
            found = "this run is too small to find any"
            if row["detectable"] < LARGEST:
                least = points(row["detectable"])
                found = f"a true difference of {least} would be found four times in five"
            text = f"{a} against {b}: {size}. Neither a difference nor equivalence is shown"
            yield Statement("unsupported", f"{text}; {found}.")
    for method, against in ground.untested:
        text = (
            f"{method} against {against} is not tested: one of them lacks a seed with every fold."
        )
        yield Statement("limit", text)


def _scope(inference: Inference, *methods: str) -> str:
    """Say that a claim is about trained models only, where it is."""
    if inference.scope == "models" or {*methods} & {*inference.lone}:
        return " (of these trained models only)"
    return ""


def _interval(found: Intervals) -> str:
    if np.isnan(found.low):
        return ""
    return f" (95 % interval {100 * float(found.low):+.1f} to {100 * float(found.high):+.1f})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """Return the size of a difference of fractions, in percentage points and in words."""
    number = f"{100 * value:.1f}"
    return f"{number} point{'' if number == '1.0' else 's'}"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
