"""Forest plot of the declared differences between methods."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merbench.report.figures.paper import Paper, footnote, heading, text_size, widest, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster
from merbench.statistics.outcome import ALPHA

MINUS = "\N{MINUS SIGN}"


def forest(
    contrasts: pd.DataFrame,
    roster: Roster,
    label: str,
    rope: float,
    *,
    title: str = "",
    note: str = "",
    small: bool = False,
) -> Figure:
    """Draw one row for each contrast: difference, interval, and what the tests say.

    Args:
        contrasts: of one metric.
        roster: the methods.
        label: of the metric.
        rope: half-width of practical equivalence, a fraction.
        title: over the sheet, or empty.
        note: at its foot, or empty.
        small: True to do without the intervals in words.
    """
    rows = contrasts.reset_index(drop=True)
    room = 1.25 if small else 2.2
    names = [
        wrap(f"{roster.names[a]} {MINUS} {roster.names[b]}", room, NORMAL, 4)
        for a, b in zip(rows["method"], rows["against"], strict=True)
    ]
    columns = {} if small else {"difference [interval]": [_interval(row) for row in _rows(rows)]}
    columns |= {
        "P(equiv.)": [_share(row["equivalent"]) for row in _rows(rows)],
        "p (Holm)": [_p(row["p_holm"]) for row in _rows(rows)],
    }
    widths = [widest([name, *cells], SMALL) + 0.1 for name, cells in columns.items()]
    left, width = widest(names) + 0.16, 1.7 if small else 2.4
    full = left + width + 0.06 + sum(widths) + 0.04
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL) if note else ""
    top = (text_size(caption, LARGE).height + 0.14 if caption else 0.04) + 0.2
    row = max(0.21, max(text_size(name).height for name in names) + 0.05)
    height = row * len(names)
    foot = text_size(note, SMALL).height + 0.1 if note else 0.02
    paper = Paper(full, top + height + 0.4 + foot)
    paper.title(caption)
    axes = paper.axes(left, top, width, height, below=f"difference in {label} (points)")
    axes.axvspan(-100 * rope, 100 * rope, color=INK, alpha=0.1, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.7, alpha=0.7)
    for place, row_ in enumerate(_rows(rows)):
        difference, low, high = (100 * row_[name] for name in ("difference", "low", "high"))
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([low, high], [place] * 2, color=INK, linewidth=1.3, solid_capstyle="butt")
        sure = row_["p_holm"] < ALPHA
        axes.plot([difference], [place], "o", color=INK, markersize=4.6,
                  markerfacecolor=INK if sure else "#ffffff")  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=NORMAL)
    axes.tick_params(axis="y", length=0, pad=4)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(*_limits(rows, rope))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.spines["left"].set_visible(False)
    x = left + width + 0.06
    for (name, cells), room in zip(columns.items(), widths, strict=True):
        x += room
        paper.text(x, top - 0.04, name, ha="right", va="bottom", fontsize=SMALL)
        for place, cell in enumerate(cells):
            y = top + (place + 0.5) * row
            paper.text(x, y, cell, ha="right", va="center_baseline", fontsize=SMALL)
    footnote(paper, note)
    return paper.figure


def _rows(frame: pd.DataFrame) -> list[dict[str, float]]:
    wanted = ("difference", "low", "high", "equivalent", "p_holm")
    return [{k: float(row[k]) for k in wanted} for _, row in frame.iterrows()]


def _interval(row: dict[str, float]) -> str:
    text = _signed(100 * row["difference"])
    if not (math.isfinite(row["low"]) and math.isfinite(row["high"])):
        return text
    return f"{text} [{_signed(100 * row['low'])}, {_signed(100 * row['high'])}]"


def _signed(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:+.1f}".replace("-", MINUS)


def _share(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}".replace("0.", ".", 1)


def _limits(rows: pd.DataFrame, rope: float) -> tuple[float, float]:
    values = np.concatenate([rows[name].to_numpy(float) for name in ("difference", "low", "high")])
    ends = [*(100 * values[np.isfinite(values)]), -150 * rope, 150 * rope]
    room = 0.06 * max(max(ends) - min(ends), 0.1)
    return min(ends) - room, max(ends) + room
