"""Critical-difference diagram: average ranks, and which of them lie close together."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from merbench.analysis.findings import Ranks
from merbench.report.figures.paper import Paper, footnote, heading, text_size, widest, wrap
from merbench.report.figures.styles import INK, LARGE, NORMAL, SMALL, Roster

ROOM = 1.4  # inches for a name


def rank_diagram(
    ranks: Ranks, roster: Roster, *, title: str = "", note: str = "", width: float = 2.6
) -> Figure:
    """Draw the ranks on one line, best at the left; bars join what Nemenyi's test cannot part.

    Args:
        ranks: of at least one method.
        roster: the methods.
        title: over the sheet, or empty.
        note: at its foot, or empty.
        width: of the line, in inches.
    """
    count = len(ranks.methods)
    labels = [
        f"{wrap(roster.names.get(m, m), ROOM, NORMAL, 2)}  {rank:.2f}"
        for m, rank in zip(ranks.methods, ranks.ranks, strict=True)
    ]
    half = math.ceil(count / 2)
    left, right = widest(labels[:half]) + 0.18, widest(labels[half:]) + 0.18
    full = left + width + right
    caption = heading(title, full - 0.2)
    note = wrap(note, full - 0.2, SMALL) if note else ""
    axis = (text_size(caption, LARGE).height + 0.14 if caption else 0.04) + 0.52
    levels = _levels(ranks)
    first = axis + 0.14 + 0.08 * (max(levels, default=0) + 1)
    row = max(0.18, max(text_size(label).height for label in labels) + 0.03)
    foot = text_size(note, SMALL).height + 0.1 if note else 0.02
    paper = Paper(full, first + half * row + 0.04 + foot)
    paper.title(caption)

    def place(rank: float) -> float:
        return left + (rank - 1) / max(count - 1, 1) * width

    paper.line([place(1), place(count)], [axis] * 2, color=INK, linewidth=0.9)
    every = max(1, math.ceil(count / 12))
    for number in range(1, count + 1, every):
        x = place(number)
        paper.line([x] * 2, [axis, axis - 0.05], color=INK, linewidth=0.7)
        paper.text(x, axis - 0.07, str(number), ha="center", va="bottom", fontsize=SMALL)
    _ruler(paper, ranks.critical_difference, place(1), width / max(count - 1, 1), axis - 0.3)
    for index, (method, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        at_left = index < half
        y = first + ((index if at_left else count - 1 - index) + 0.5) * row
        edge = left - 0.06 if at_left else left + width + 0.06
        x = place(rank)
        style = roster.styles[method]
        line = paper.line([x, x, edge], [axis, y, y], color=style.colour, linewidth=0.9)
        point = paper.line([x], [axis], **style.point)
        for part in (line, point):
            part.set_gid(roster.tag(method))
        paper.text(
            edge + (-0.04 if at_left else 0.04),
            y,
            labels[index],
            ha="right" if at_left else "left",
            va="center",
        )
    for (start, end), level in zip(ranks.cliques, levels, strict=True):
        y = axis + 0.12 + 0.08 * level
        xs = [place(ranks.ranks[start]) - 0.04, place(ranks.ranks[end]) + 0.04]
        paper.line(xs, [y] * 2, color=INK, linewidth=2.4, solid_capstyle="butt")
    footnote(paper, note)
    return paper.figure


def _ruler(paper: Paper, difference: float, left: float, unit: float, top: float) -> None:
    """Draw the critical difference as a length."""
    if not math.isfinite(difference):
        return
    right = left + difference * unit
    paper.line([left, right], [top] * 2, color=INK, linewidth=0.9)
    for x in (left, right):
        paper.line([x] * 2, [top - 0.03, top + 0.03], color=INK, linewidth=0.9)
    text = f"critical difference {difference:.2f}"
    paper.text(left, top - 0.05, text, va="bottom", fontsize=SMALL)


def _levels(ranks: Ranks) -> list[int]:
    """Stack the bars: one that would touch another moves down."""
    levels: list[int] = []
    for start, end in ranks.cliques:
        level = 0
        while any(
            level == other and start <= last and first <= end
            for other, (first, last) in zip(levels, ranks.cliques, strict=False)
        ):
            level += 1
        levels.append(level)
    return levels
