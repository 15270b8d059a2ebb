"""A summary as CSV, Markdown, LaTeX, or a table on the terminal."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from merbench.results.averages import MEAN
from merbench.results.listing import (
    BLANK,
    Entry,
    Line,
    Listing,
    interval_text,
    latex_escape,
    listing_latex,
    listing_markdown,
    ranked,
)
from merbench.results.summary import Summary
from merbench.statistics.outcome import ALPHA

BY_FOLD = "mean by fold"
DIGITS = 1

__all__ = ["latex_escape", "listing_of", "to_csv", "to_latex", "to_markdown", "to_rich"]


def listing_of(summary: Summary) -> Listing:
    """Return a summary as it is shown: in %, rounded, best and second of each column marked."""
    columns = [_column(summary, name) for name in summary.columns]
    spreads = _spreads(summary)
    headings = ("method", *summary.columns)
    if any(spreads):
        headings += (BY_FOLD,)
        columns.append([Entry(text) for text in spreads])
    rows = tuple(
        Line(summary.names.get(method, method), tuple(column[index] for column in columns))
        for index, method in enumerate(summary.methods)
    )
    return Listing(summary.stem, summary.title, summary.caption, headings, rows)


def _column(summary: Summary, name: str) -> list[Entry]:
    found = summary.frame[summary.frame["column"] == name].set_index("method")
    found = found.reindex(list(summary.methods))
    value, low, high, p = (
        [float(number) for number in found[quantity]]
        if quantity in found
        else [math.nan] * len(found)
        for quantity in ("value", "low", "high", "p_best")
    )
    entries = ranked(
        [100 * number for number in value],
        DIGITS,
        higher_is_better=summary.metric.higher_is_better,
        contested=len(summary.methods) > 1,
    )
    return [
        replace(
            entry,
            behind=p[index] < ALPHA and not entry.best,
            interval=interval_text(100 * value[index], 100 * low[index], 100 * high[index], DIGITS),
        )
        for index, entry in enumerate(entries)
    ]


def _spreads(summary: Summary) -> list[str]:
    if MEAN not in summary.columns:
        return [BLANK] * len(summary.methods)
    means, deviations = (summary.wide(q)[MEAN] for q in ("fold_mean", "fold_sd"))
    return [
        BLANK if np.isnan(sd) else f"{100 * mean:.1f} ± {100 * sd:.1f}"
        for mean, sd in zip(means, deviations, strict=True)
    ]


def to_csv(summary: Summary) -> str:
    """Return the long form, as fractions in full precision."""
    frame = summary.frame.assign(metric=summary.metric.name)
    columns = ["metric", *summary.frame.columns]
    return frame[columns].to_csv(index=False, lineterminator="\n")


def to_markdown(summary: Summary) -> str:
    """Return a Markdown table with its title and caption: best bold, second in italics."""
    return listing_markdown(listing_of(summary))


def to_latex(summary: Summary) -> str:
    """Return a LaTeX table (booktabs): best bold, second underlined, intervals small."""
    return listing_latex(listing_of(summary))


def to_rich(summary: Summary, width: int | None = None) -> Table:
    """Return a table for the terminal: best bold, second underlined.

    Args:
        summary: what to show.
        width: columns of the terminal. Where they are few, the table moves together, then gives up
            the fold means beside their deviations, then the deviations; it never gives up a value,
            so print it with `crop=False`. None: as wide as it is.
    """
    listing = listing_of(summary)
    layouts = [
        _terminal_table(layout, gap) for layout in _terminal_layouts(listing) for gap in (1, 0)
    ]
    for layout in layouts:
        layout.width = _width(layout)
        if width is None or layout.width <= width:
            return layout
    return layouts[-1]


def _terminal_layouts(listing: Listing) -> list[Listing]:
    """Return the table with its last column in full, with the deviations alone, and without it."""
    if listing.headings[-1] != BY_FOLD:
        return [listing]
    deviations = replace(
        listing,
        headings=(*listing.headings[:-1], "fold sd"),
        rows=tuple(
            Line(
                row.name,
                (*row.entries[:-1], Entry(row.entries[-1].text.partition(" ± ")[2])),
            )
            for row in listing.rows
        ),
    )
    without = replace(
        listing,
        headings=listing.headings[:-1],
        rows=tuple(Line(row.name, row.entries[:-1]) for row in listing.rows),
    )
    return [listing, deviations, without]


def _terminal_table(listing: Listing, gap: int) -> Table:
    drawn = Table(
        title=escape(listing.title),
        caption=escape(listing.caption),
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap, 0, 0),
    )
    drawn.add_column(listing.headings[0], no_wrap=True)
    for name in listing.headings[1:]:
        drawn.add_column(_stacked(name), justify="right", no_wrap=True)
    for row in listing.rows:
        drawn.add_row(escape(row.name), *map(_terminal_cell, row.entries))
    return drawn


def _terminal_cell(entry: Entry) -> str:
    if entry.best:
        return f"[bold]{entry.text}[/bold]"
    return f"[underline]{entry.text}[/underline]" if entry.second else entry.text


def _stacked(name: str) -> str:
    """Break a pattern before every `+`, other headings between words."""
    return escape(name).replace("+", "\n+").replace(" ", "\n")


def _width(table: Table) -> int:
    console = Console(width=10_000)
    return Measurement.get(console, console.options, table).maximum
