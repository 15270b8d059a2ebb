"""What a notebook shows of a run: its tables, and figures of its report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from merbench.analysis.build import analyse
from merbench.errors import ConfigError, did_you_mean
from merbench.report.figures.styles import house_style
from merbench.report.figures.svg import svg_text
from merbench.report.figures.write import sheets_of
from merbench.results.listing import Entry, Listing
from merbench.results.render import listing_of
from merbench.results.summary import Summary
from merbench.text import visible


class Drawing(NamedTuple):
    """A figure of a report.

    Attributes:
        name: of its file in the report.
        title: what it shows.
        note: what its bars, bands and shades are, or empty.
        svg: the drawing, as a file has it.
    """

    name: str
    title: str
    note: str
    svg: str

    def _repr_html_(self) -> str:
        """Return it as an image, so that its ids stay its own beside other figures."""
        data = base64.b64encode(self.svg.encode()).decode()
        title = escape(visible(self.title))
        note = f"<figcaption>{escape(visible(self.note))}</figcaption>" if self.note else ""
        source = f"data:image/svg+xml;base64,{data}"
        return f'<figure><img src="{source}" alt="{title}" style="max-width:100%">{note}</figure>'


def draw(directory: Path, name: str, partial: bool) -> Drawing:
    """Draw a figure of the report of a run; see `Run.figure`."""
    sheets = {sheet.stem: sheet for sheet in sheets_of(analyse(directory, partial))}
    if name not in sheets:
        raise ConfigError(f"{directory}: no figure {name!r}; {did_you_mean(name, sheets)}")
    sheet = sheets[name]
    with house_style():
        return Drawing(name, sheet.title, sheet.note, svg_text(sheet.draw()))


def page_of_tables(heading: str, tables: Sequence[Summary]) -> str:
    """Return tables as HTML that stands in any page, and takes its colours."""
    parts = (_table(listing_of(summary)) for summary in tables)
    return f"<div><p>{escape(visible(heading))}</p>{''.join(parts)}</div>"


def _table(listing: Listing) -> str:
    caption = listing.explained("Bold", "underlined")
    head = "".join(f"<th>{_text(heading)}</th>" for heading in listing.headings)
    rows = "".join(
        f'<tr><th style="text-align:left">{_text(row.name)}</th>'
        f"{''.join(map(_cell, row.entries))}</tr>"
        for row in listing.rows
    )
    return (
        f"<p><b>{_text(listing.title)}</b><br>{_text(caption)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(entry: Entry) -> str:
    text = _text(entry.text)
    if entry.best:
        text = f"<b>{text}</b>"
    elif entry.second:
        text = f"<u>{text}</u>"
    return f"<td>{text}</td>"


def _text(text: str) -> str:
    return escape(visible(text))
