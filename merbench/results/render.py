"""A summary as CSV, Markdown, LaTeX, or a table on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.markup import escape
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


def to_rich(summary: Summary) -> Table:
    """Return a table for the terminal, best values bold."""
    grid = _grid(summary, escape, lambda text: f"[bold]{text}[/bold]")
    table = Table(title=escape(summary.title), caption=escape(summary.caption))
    table.add_column(grid[0][0])
    for heading in grid[0][1:]:
        table.add_column(heading, justify="right")
    for row in grid[1:]:
        table.add_row(*row)
    return table


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
