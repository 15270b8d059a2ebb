"""A summary as CSV, Markdown, LaTeX, or a table on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from merbench.results.summary import MEAN, Summary

BY_FOLD = "mean by fold"
BLANK = ""
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\n": " ",
        **{c: f"\\{c}" for c in "&%$#_{}"},
    }
)
_MARKDOWN = str.maketrans(
    {"\n": " ", "<": "&lt;", "&": "&amp;", **{c: f"\\{c}" for c in "\\|*_`[]$~"}}
)


@dataclass(frozen=True)
class Entry:
    """One value of a table as it is shown; `best` where no method shows a better one."""

    text: str
    best: bool


@dataclass(frozen=True)
class Row:
    """One method; a `spread` after the values where folds were averaged."""

    method: str
    entries: tuple[Entry, ...]
    spread: str


@dataclass(frozen=True)
class Shown:
    """A summary with its values as text: what every format below prints."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def has_spread(self) -> bool:
        """True where any method has a mean and deviation over folds."""
        return any(row.spread for row in self.rows)


def shown(summary: Summary) -> Shown:
    """Round to 0.1 % and mark the best of each column: ties, as shown, are all best."""
    values = summary.wide()
    better = max if summary.metric.higher_is_better else min
    rounded = {
        name: [math.nan if math.isnan(v) else round(100 * v, 1) for v in values[name]]
        for name in summary.columns
    }
    best = {
        name: better((v for v in column if not math.isnan(v)), default=math.nan)
        for name, column in rounded.items()
    }
    contested = len(summary.methods) > 1
    spreads = _spreads(summary)
    rows = []
    for index, method in enumerate(summary.methods):
        entries = []
        for name in summary.columns:
            value = rounded[name][index]
            text = BLANK if math.isnan(value) else f"{value:.1f}"
            entries.append(Entry(text, contested and value == best[name]))
        rows.append(Row(summary.names.get(method, method), tuple(entries), spreads[index]))
    return Shown(summary.columns, tuple(rows))


def _spreads(summary: Summary) -> list[str]:
    if MEAN not in summary.columns:
        return [BLANK] * len(summary.methods)
    means, deviations = (summary.wide(q)[MEAN] for q in ("fold_mean", "fold_sd"))
    return [
        BLANK if math.isnan(sd) else f"{100 * mean:.1f} ± {100 * sd:.1f}"
        for mean, sd in zip(means, deviations, strict=True)
    ]


def to_csv(summary: Summary) -> str:
    """Return the long form, as fractions in full precision."""
    frame = summary.frame.assign(metric=summary.metric.name)
    columns = ["metric", *summary.frame.columns]
    return frame[columns].to_csv(index=False, lineterminator="\n")


def to_markdown(summary: Summary) -> str:
    """Return a Markdown table with its title and caption, best values bold."""
    grid = _grid(summary, lambda text: text.translate(_MARKDOWN), lambda text: f"**{text}**")
    rule = ["---", *["---:"] * (len(grid[0]) - 1)]
    lines = ["| " + " | ".join(row) + " |" for row in (grid[0], rule, *grid[1:])]
    title, caption = (text.translate(_MARKDOWN) for text in (summary.title, summary.caption))
    return "\n".join([f"**{title}**", "", *lines, "", caption, ""])


def to_latex(summary: Summary) -> str:
    """Return a LaTeX table (booktabs), best values bold."""
    grid = _grid(summary, latex_escape, lambda text: rf"\textbf{{{text}}}")
    lines = [" & ".join(row).replace("±", r"$\pm$") + r" \\" for row in grid]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_escape(f'{summary.title}. {summary.caption}')}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_rich(summary: Summary, width: int | None = None) -> Table:
    """Return a table for the terminal, best values bold.

    Args:
        summary: what to show.
        width: columns of the terminal. Where they are few, the table moves together, then gives up
            the fold means beside their deviations, then the deviations; it never gives up a value,
            so print it with `crop=False`. None: as wide as it is.
    """
    table = shown(summary)
    layouts = [
        _terminal_table(summary, table, heading, spreads, gap)
        for heading, spreads in _spread_columns(table)
        for gap in (1, 0)
    ]
    for layout in layouts:
        layout.width = _width(layout)
        if width is None or layout.width <= width:
            return layout
    return layouts[-1]


def _spread_columns(table: Shown) -> list[tuple[str, list[str]]]:
    """Return heading and cells of the last column, the fullest first; none at the end."""
    none = ("", [BLANK] * len(table.rows))
    if not table.has_spread:
        return [none]
    full = [row.spread for row in table.rows]
    return [(BY_FOLD, full), ("fold sd", [text.partition(" ± ")[2] for text in full]), none]


def _terminal_table(
    summary: Summary, table: Shown, heading: str, spreads: list[str], gap: int
) -> Table:
    drawn = Table(
        title=escape(summary.title),
        caption=escape(summary.caption),
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap, 0, 0),
    )
    drawn.add_column("method", no_wrap=True)
    for name in (*table.headings, *([heading] if heading else [])):
        drawn.add_column(_stacked(name), justify="right", no_wrap=True)
    for row, spread in zip(table.rows, spreads, strict=True):
        cells = [f"[bold]{e.text}[/bold]" if e.best else e.text for e in row.entries]
        drawn.add_row(escape(row.method), *cells, *([spread] if heading else []))
    return drawn


def _stacked(name: str) -> str:
    """Break a pattern before every `+`, other headings between words."""
    return escape(name).replace("+", "\n+").replace(" ", "\n")


def _width(table: Table) -> int:
    console = Console(width=10_000)
    return Measurement.get(console, console.options, table).maximum


def latex_escape(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return text.translate(_LATEX)


def _grid(
    summary: Summary, escaped: Callable[[str], str], bold: Callable[[str], str]
) -> list[list[str]]:
    """Return heading and rows as strings, all of one length."""
    table = shown(summary)
    spread = table.has_spread
    heading = ["method", *map(escaped, table.headings), *[BY_FOLD] * spread]
    rows = [
        [
            escaped(row.method),
            *(bold(e.text) if e.best else e.text for e in row.entries),
            *[row.spread] * spread,
        ]
        for row in table.rows
    ]
    return [heading, *rows]
