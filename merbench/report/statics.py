"""The figures that stand in the page itself: for print, and where scripts are off."""

from __future__ import annotations

from dataclasses import dataclass

from merbench.analysis.findings import Findings
from merbench.report.figures import Panel, severity_panel, styles
from merbench.report.pattern_tables import noise_title
from merbench.results.conditions import CLEAN, columns_of
from merbench.results.summary import MEAN


@dataclass(frozen=True)
class Statics:
    """Figures by the section they stand in; empty where there is nothing to draw."""

    curves: tuple[Panel, ...] = ()
    ranks: tuple[Panel, ...] = ()
    training: tuple[Panel, ...] = ()
    reliability: tuple[Panel, ...] = ()


def statics(findings: Findings, prefix: str) -> Statics:
    """Draw the figures of a run, each id on the page starting with the prefix."""
    frame = findings.curves
    frame = frame[(frame["metric"] == findings.metrics[0]) & (frame["column"] == MEAN)]
    highest = float(frame["value"].max()) if len(frame) else 1.0
    panels = []
    for column in columns_of(findings.header.conditions):
        mine = frame[(frame["noise"] == column.noise) & (frame["on"] == column.on)]
        if column.noise == CLEAN or mine.empty:
            continue
        panels.append(
            severity_panel(
                mine,
                styles(findings.header.methods),
                identifier=f"{prefix}f{len(panels)}",
                title=noise_title(column),
                label=findings.metrics[0].upper(),
                chance=1 / len(findings.header.classes),
                ceiling=min(1.0, highest * 1.08),
            )
        )
    return Statics(curves=tuple(panels))
