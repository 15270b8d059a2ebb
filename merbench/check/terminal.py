"""The rules of a gate as a table on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from merbench.check.rows import (
    EXPLAINED,
    HEADINGS,
    SHORT_HEADINGS,
    SHORT_WORDS,
    WORDS,
    row,
    short_row,
)
from merbench.check.verdicts import Checked, Rule

MOST = 20  # rows, unless every one is asked for
_STYLES = {"regressed": "bold red", "suspect": "yellow", "improved": "green"}
_LEAST = 20  # characters of the column that wraps


def rules_table(checked: Checked, width: int | None = None, every: bool = False) -> Table:
    """Return the rules, the worst first, without cutting a word or a number.

    Args:
        checked: the outcome.
        width: columns of the terminal. Where they are few, method, metric and conditions share one
            column, and the value before the change is left out. None: as wide as it is.
        every: show every rule.
    """
    shown = checked.rules if every else checked.rules[:MOST]
    left = len(checked.rules) - len(shown)
    caption = EXPLAINED.format(number=len(checked.rules))
    caption += f" {left} more rules: --all." if left else ""
    wide = _drawn(HEADINGS, WORDS, shown, [row(rule) for rule in shown], caption)
    if width is None or _least(wide) <= width:
        return wide
    rows = [short_row(rule) for rule in shown]
    return _drawn(SHORT_HEADINGS, SHORT_WORDS, shown, rows, caption)


def _drawn(
    headings: tuple[str, ...],
    words: int,
    rules: tuple[Rule, ...],
    rows: list[tuple[str, ...]],
    caption: str,
) -> Table:
    drawn = Table(
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, heading in enumerate(headings):
        # Columns without a least width are cut where space is scarce, `no_wrap` or not.
        lines = "\n".join((heading, *(texts[place] for texts in rows))).splitlines()
        longest = max(map(cell_len, lines))
        wraps = place == words - 1
        drawn.add_column(
            heading,
            justify="left" if place < words else "right",
            no_wrap=not wraps,
            min_width=min(longest, _LEAST) if wraps else longest,
        )
    for rule, texts in zip(rules, rows, strict=True):
        drawn.add_row(*map(escape, texts), style=_STYLES.get(rule.verdict, ""))
    return drawn


def _least(table: Table) -> int:
    console = Console(width=10_000)
    return Measurement.get(console, console.options, table).minimum
