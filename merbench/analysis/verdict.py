"""The verdict: what may be claimed, what may not, and why, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from merbench.analysis.contrasts import ALPHA, headline_of
from merbench.analysis.evidence import Evidence, linear
from merbench.analysis.findings import Inference, Statement
from merbench.results.header import TableHeader
from merbench.results.summary import Summary
from merbench.statistics.corrections import holm
from merbench.statistics.interval import Intervals


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
    """

    header: TableHeader
    evidence: Evidence
    overview: Summary
    missing: Summary | None
    contrasts: pd.DataFrame
    robustness: pd.DataFrame
    inference: Inference

    @property
    def names(self) -> Mapping[str, str]:
        """Label -> how the method is shown."""
        return {m: self.header.shown_as.get(m, m) for m in self.header.methods}


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
    column, label = headline_of(ground.overview), ground.overview.metric.label
    values = ground.overview.wide()[column].dropna().sort_values(ascending=False, kind="stable")
    if not len(values):
        return
    best = str(values.index[0])
    lead = f"{ground.names[best]} leads on the {column} with {_percent(values.iloc[0])} {label}"
    if len(values) == 1:
        yield Statement("lead", f"{lead}; it is the only method.")
        return
    second = str(values.index[1])
    gaps, adjusted = _gaps(ground, column, best)
    gap = gaps[second]
    ahead = f"{_points(float(gap.value))} ahead of {ground.names[second]}{_interval(gap)}"
    yield Statement("lead", f"{lead}, {ahead}.")
    if ground.inference.scope == "none":
        return
    scope = _scope(ground.inference)
    others = [str(m) for m in values.index[1:]]
    beaten = [ground.names[m] for m in others if adjusted[m] < ALPHA]
    close = [ground.names[m] for m in others if not adjusted[m] < ALPHA]
    if beaten:
        text = f"{ground.names[best]} is better than {_join(beaten)}{scope} (Holm over all pairs)."
        yield Statement("supported", text)
    if close:
        text = (
            f"No difference is shown between {ground.names[best]} and {_join(close)}{scope}: the "
            "corrected p is above .05."
        )
        yield Statement("unsupported", text)


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
    """Say at what severity of each noise the first and the last method are half-way to chance."""
    found = ground.robustness[ground.robustness["measure"] == "breakdown"]
    unbroken = []
    for (noise, on), rows in found.groupby(["noise", "on"], sort=False):
        where = f"{noise} on {on} modalities"
        at = dict(
            zip(rows["method"], rows["value"].mask(rows["censored"].astype(bool)), strict=True)
        )
        broken = {method: value for method, value in at.items() if not np.isnan(value)}
        if not broken:
            unbroken.append(where)
            continue
        first, held = min(broken, key=broken.__getitem__), [m for m in at if m not in broken]
        if held:
            end = f"{_join([ground.names[m] for m in held])} not within the grid"
        else:
            last = max(broken, key=broken.__getitem__)
            end = f"{ground.names[last]} last, at {broken[last]:.2f}"
        text = f"{ground.names[first]} at severity {broken[first]:.2f}, {end}"
        yield Statement("finding", f"Half-way to chance under {where}: first {text}.")
    if unbroken:
        yield Statement("finding", f"No method falls half-way to chance under {_join(unbroken)}.")


def _contrasts(ground: Ground) -> Iterator[Statement]:
    """Say of each pre-declared contrast whether it is supported."""
    scope = _scope(ground.inference)
    column = headline_of(ground.overview)
    for row in ground.contrasts.to_dict("records"):
        a, b = ground.names[row["method"]], ground.names[row["against"]]
        size = f"{100 * row['difference']:+.1f} points"
        if np.isnan(row["p_holm"]):
            yield Statement("unsupported", f"{a} against {b}: {size} on the {column}.")
            continue
        size += f" [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}], corrected p " + _p(
            row["p_holm"]
        )
        rope = ground.inference.rope
        if row["p_holm"] < ALPHA:
            word = "better" if row["difference"] > 0 else "worse"
            yield Statement("supported", f"{a} is {word} than {b} on the {column}{scope}: {size}.")
        elif row["low"] > -rope and row["high"] < rope:
            text = f"{a} and {b} are equivalent within {_points(rope)}{scope}: {size}."
            yield Statement("equivalent", text)
        else:
            text = (
                f"{a} against {b}: {size}. Neither a difference nor equivalence is shown; a true "
                f"difference of {_points(row['detectable'])} would be found four times in five."
            )
            yield Statement("unsupported", text)


def _scope(inference: Inference) -> str:
    return ", of these trained models only," if inference.scope == "models" else ""


def _interval(found: Intervals) -> str:
    if np.isnan(found.low):
        return ""
    return f" (95 % interval {100 * float(found.low):+.1f} to {100 * float(found.high):+.1f})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    number = f"{100 * value:.1f}"
    return f"{number} point{'' if number == '1.0' else 's'}"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
