"""A table ready to print: what Markdown, LaTeX and the terminal have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BLANK = ""
MARK = "*"
LINE, CROWDED = 110, 75  # characters: what a line of a page holds in small type, and in its own
SMALL = 0.75  # of the width of other type
SENTENCE = r"p{0.3\linewidth}"  # a column of LaTeX that breaks its lines
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\n": " ",
        "\N{MINUS SIGN}": "$-$",
        "±": r"$\pm$",
        "[": "{[}",  # at the start of a line it would be an argument of the line before
        **{c: f"\\{c}" for c in "&%$#_{}"},
    }
)
_MARKDOWN = str.maketrans(
    {"\n": " ", "<": "&lt;", "&": "&amp;", **{c: f"\\{c}" for c in "\\|*_`[]$~"}}
)


@dataclass(frozen=True)
class Entry:
    """One value of a table as it is shown.

    Attributes:
        text: the value.
        best: no other of its column is better.
        second: only the best are better.
        behind: it differs from the best of its column beyond chance.
        interval: `± 1.2` or `[60.1, 63.0]`, empty without one.
    """

    text: str
    best: bool = False
    second: bool = False
    behind: bool = False
    interval: str = BLANK


class Line(NamedTuple):
    """One row: what it is about, and its values."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Listing:
    """A table of one name and any number of values in each row.

    Attributes:
        stem: which names of files are made of.
        title: heading.
        caption: what the values are.
        headings: of all columns, that of the names first.
        rows: all as long as the headings.
        words: True where the last column is text, which stands at the left and may be long.
    """

    stem: str
    title: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[Line, ...]
    words: bool = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All values."""
        return tuple(entry for row in self.rows for entry in row.entries)

    @property
    def with_intervals(self) -> bool:
        """True where there are intervals and a page is wide enough for them."""
        return any(entry.interval for entry in self.entries) and self.width <= LINE

    @property
    def width(self) -> float:
        """Characters in the longest line, roughly."""
        names = max([len(row.name) for row in self.rows], default=0)
        columns = zip(*(row.entries for row in self.rows), strict=True)
        values = list(columns)[: -1 if self.words else None]
        return names + sum(
            2 + max(max(len(e.text), SMALL * len(e.interval)) for e in column) for column in values
        )

    def explained(self, best: str, second: str) -> str:
        """Return the caption with what the marks mean, of those that the table has."""
        entries = self.entries
        seconds, behind = (any(getattr(e, n) for e in entries) for n in ("second", "behind"))
        signs = [f"{best}: best"] * (seconds or behind) + [f"{second}: second"] * seconds
        if behind:
            signs.append(f"{MARK}: differs from the best, p < .05, corrected for all pairs")
        parts = [self.caption]
        if signs:
            said = "; ".join(signs)
            parts.append(f"{said[0].upper()}{said[1:]}.")
        if any(entry.interval for entry in entries):
            shown = (
                "In small type: the interval."
                if self.with_intervals
                else "The intervals are in the CSV."
            )
            parts.append(shown)
        return " ".join(part for part in parts if part)


def ranked(
    values: Sequence[float], digits: int, *, higher_is_better: bool, contested: bool = True
) -> list[Entry]:
    """Round a column and mark its best and second; ties, as shown, are alike.

    A second is marked where at least three values compete.

    Args:
        values: of the column, NaN where there is none.
        digits: after the point.
        higher_is_better: which way is better.
        contested: False to mark nothing.
    """
    rounded = [math.nan if math.isnan(value) else round(value, digits) for value in values]
    known = [value for value in rounded if not math.isnan(value)]
    order = sorted(set(known), reverse=higher_is_better)
    best = order[0] if contested and order else math.nan
    # Two that share the first place leave no second.
    several = len(known) > 2 and len(order) > 1 and known.count(best) == 1
    second = order[1] if contested and several else math.nan
    return [
        Entry(BLANK if math.isnan(value) else f"{value:.{digits}f}", value == best, value == second)
        for value in rounded
    ]


def interval_text(value: float, low: float, high: float, digits: int) -> str:
    """Return an interval around a value in as few signs as it takes: empty where not known."""
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return BLANK
    if abs(low + high - 2 * value) < 10.0**-digits:
        return f"± {(high - low) / 2:.{digits}f}"
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def signed(value: float, digits: int, plus: str = "") -> str:
    """Return a number with a true minus sign, or a sign always where `plus` is `+`."""
    text = f"{value:{plus}.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def markdown_escape(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return text.translate(_MARKDOWN)


def latex_escape(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return re.sub("-(?=-)", "-{}", text.translate(_LATEX))


def listing_markdown(listing: Listing) -> str:
    """Return a Markdown table with its title and caption: best bold, second in italics."""
    small = listing.with_intervals

    def cell(entry: Entry) -> str:
        text = markdown_escape(entry.text)
        text = f"**{text}**" if entry.best else f"*{text}*" if entry.second else text
        text += markdown_escape(MARK) * entry.behind
        under = f"<br><sub>{markdown_escape(entry.interval)}</sub>"
        return text + under * bool(small and entry.interval)

    rows = [[markdown_escape(row.name), *map(cell, row.entries)] for row in listing.rows]
    values = len(listing.headings) - 1
    rule = ["---", *["---:"] * (values - listing.words), *["---"] * listing.words]
    grid = [[markdown_escape(heading) for heading in listing.headings], rule, *rows]
    lines = ["| " + " | ".join(row) + " |" for row in grid]
    caption = markdown_escape(listing.explained("bold", "italic"))
    return "\n".join([f"**{markdown_escape(listing.title)}**", "", *lines, "", caption, ""])


def listing_latex(listing: Listing) -> str:
    """Return a LaTeX table (booktabs): best bold, second underlined, intervals small below."""
    lines = [_latex_line(latex_escape(heading) for heading in listing.headings), r"\midrule"]
    for row in listing.rows:
        lines.append(_latex_line([latex_escape(row.name), *map(_latex_cell, row.entries)]))
        intervals = [latex_escape(entry.interval) for entry in row.entries]
        if listing.with_intervals and any(intervals):
            small = [rf"{{\scriptsize {text}}}" if text else "" for text in intervals]
            lines.append(_latex_line(["", *small]))
    values = len(listing.headings) - 1
    columns = "l" + "r" * (values - listing.words) + SENTENCE * listing.words
    caption = latex_escape(f"{listing.title}. {listing.explained('bold', 'underlined')}")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            *[r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"] * (listing.width > CROWDED),
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(entry: Entry) -> str:
    text = latex_escape(entry.text)
    if entry.best or entry.second:
        text = rf"\textbf{{{text}}}" if entry.best else rf"\underline{{{text}}}"
    return text + rf"\textsuperscript{{{MARK}}}" * entry.behind
