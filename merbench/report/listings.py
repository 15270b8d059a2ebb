"""Robustness and contrasts as listings: see `Findings` for the frames they show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from merbench.results.conditions import NoiseColumn
from merbench.results.listing import (
    BLANK,
    Entry,
    Line,
    Listing,
    interval_text,
    ranked,
    signed,
)


class Measure(NamedTuple):
    """How one measure of robustness is shown.

    Attributes:
        name: in the frame.
        label: heading.
        unit: factor from the frame to the table.
        digits: after the point.
        higher_is_better: which way is better.
        doc: one sentence, without its full stop.
    """

    name: str
    label: str
    unit: float
    digits: int
    higher_is_better: bool
    doc: str


MEASURES = (
    Measure("area", "area", 100, 1, True, "area under UA against severity, in %"),
    Measure("mean_drop", "mean drop", 100, 1, False, "mean loss from clean, in points"),
    Measure("worst_drop", "worst drop", 100, 1, False, "loss in the worst condition, in points"),
    Measure(
        "always_right", "always right", 100, 1, True,
        "share of utterances that are right in every condition, in %",
    ),
    Measure(
        "breakdown", "breakdown", 1, 2, True,
        "severity at which half of what is above chance is lost; > where the grid ends before that",
    ),
    Measure("relative_error", "relative error", 1, 2, False, "error over that of zero_fill"),
)  # fmt: skip


def robustness_listings(
    frame: pd.DataFrame, methods: Sequence[str], names: Mapping[str, str]
) -> tuple[Listing, ...]:
    """Return the measures of the whole grid, then each measure by noise.

    Args:
        frame: measure, noise, on, method, value, low, high, censored.
        methods: rows, by label.
        names: label -> how the method is shown.
    """
    listings = []
    whole = frame[frame["noise"] == ""]
    found = [measure for measure in MEASURES if (whole["measure"] == measure.name).any()]
    if found:
        columns = [_column(whole, measure, methods) for measure in found]
        docs = "; ".join(f"{measure.label}: {measure.doc}" for measure in found)
        caption = f"{docs[0].upper()}{docs[1:]}."
        headings = [measure.label for measure in found]
        title = "Robustness over the whole grid"
        listings.append(_pivot("robustness", title, caption, headings, columns, methods, names))
    for measure in MEASURES:
        mine = frame[frame["measure"] == measure.name]
        places = dict.fromkeys(zip(mine["noise"], mine["on"], strict=True))
        noises = [NoiseColumn(noise, on) for noise, on in places if noise]
        if not noises:
            continue
        columns = [
            _column(mine[(mine["noise"] == c.noise) & (mine["on"] == c.on)], measure, methods)
            for c in noises
        ]
        headings = [c.short for c in noises]
        listings.append(
            _pivot(
                f"robustness-{measure.name.replace('_', '-')}",
                f"Robustness by noise, {measure.label}",
                f"{measure.doc[0].upper()}{measure.doc[1:]}.",
                headings,
                columns,
                methods,
                names,
            )
        )
    return tuple(listings)


def _column(frame: pd.DataFrame, measure: Measure, methods: Sequence[str]) -> list[Entry]:
    found = frame[frame["measure"] == measure.name].set_index("method").reindex(list(methods))
    value, low, high = (
        [measure.unit * float(number) for number in found[name]]
        for name in ("value", "low", "high")
    )
    censored = found["censored"].eq(other=True)
    entries = ranked(
        value,
        measure.digits,
        higher_is_better=measure.higher_is_better,
        contested=len(methods) > 1,
    )
    return [
        replace(
            entry,
            text=f"> {entry.text}" if beyond else entry.text,
            interval=_interval(value[index], low[index], high[index], measure.digits),
        )
        for index, (entry, beyond) in enumerate(zip(entries, censored, strict=True))
    ]


def _interval(value: float, low: float, high: float, digits: int) -> str:
    if math.isnan(high) and not math.isnan(low):
        return f"[{signed(low, digits)}, –)"
    return interval_text(value, low, high, digits)


def _pivot(
    stem: str,
    title: str,
    caption: str,
    headings: Sequence[str],
    columns: Sequence[Sequence[Entry]],
    methods: Sequence[str],
    names: Mapping[str, str],
) -> Listing:
    rows = tuple(
        Line(names.get(method, method), tuple(column[index] for column in columns))
        for index, method in enumerate(methods)
    )
    return Listing(stem, title, caption, ("method", *headings), rows)


def contrasts_listing(
    frame: pd.DataFrame, metrics: Mapping[str, str], names: Mapping[str, str], rope: float
) -> Listing:
    """Return one row for each contrast and metric.

    Args:
        frame: of `Findings.contrasts`.
        metrics: name -> label.
        names: label -> how the method is shown.
        rope: half-width of practical equivalence, a fraction.
    """
    rows = []
    for row in frame.to_dict("records"):
        name, against = (names.get(str(row[key]), str(row[key])) for key in ("method", "against"))
        low, high = _points(row["low"]), _points(row["high"])
        entries = (
            metrics.get(str(row["metric"]), str(row["metric"])),
            _points(row["difference"]),
            f"[{low}, {high}]" if low and high else BLANK,
            _probability(row["p_holm"]),
            _probability(row["corrected_t_p"]),
            _probability(row["better"]),
            _probability(row["equivalent"]),
            _probability(row["worse"]),
            _points(row["detectable"]).removeprefix("+"),
            str(row["note"]),
        )
        line = Line(f"{name} \N{MINUS SIGN} {against}", tuple(Entry(text) for text in entries))
        rows.append(line)
    headings = (
        "contrast", "metric", "difference", "interval", "p (Holm)", "p (corrected t)",
        "P(better)", "P(equiv.)", "P(worse)", "detectable", "note",
    )  # fmt: skip
    caption = (
        "Differences in points, their intervals, and p after Holm's correction over the contrasts. "
        "Corrected t: Nadeau and Bengio's, over folds. P: Bayesian correlated t; equivalent is "
        f"within {100 * rope:g} of 0. Detectable: the smallest difference that this run would find."
    )
    return Listing("contrasts", "Contrasts", caption, headings, tuple(rows), words=True)


def _points(value: object) -> str:
    number = _number(value)
    return BLANK if math.isnan(number) else signed(100 * number, 1, "+")


def _probability(value: object) -> str:
    number = _number(value)
    if math.isnan(number):
        return BLANK
    return "< 0.001" if 0 <= number < 0.001 else f"{number:.3f}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
