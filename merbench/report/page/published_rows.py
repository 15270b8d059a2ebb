"""Figures of papers with ours beside them, where a column of theirs is a pattern of ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from merbench.analysis.findings import Findings
from merbench.analysis.published import PublishedTable
from merbench.report.page.numbers import percent
from merbench.results.averages import MEAN
from merbench.results.conditions import CLEAN, columns_of

EPOCHS = {"validation": "validation data", "test": "test data"}


@dataclass(frozen=True)
class Published:
    """One line.

    Attributes:
        system: as the paper, or this run, calls it.
        metric: as shown.
        values: as shown, blank where the source has none.
        epoch: what the epoch was picked on.
        leaky: True where that was test data.
        source: where the figures are from.
        note: what else a reader must know.
        ours: True for a line of this run.
    """

    system: str
    metric: str
    values: tuple[str, ...]
    epoch: str
    leaky: bool
    source: str
    note: str = ""
    ours: bool = False


@dataclass(frozen=True)
class PublishedView:
    """One table, ours first."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Published, ...]


def published_views(findings: Findings) -> tuple[PublishedView, ...]:
    """Return the tables of papers with the noise-free values of this run on top."""
    return tuple(
        PublishedView(
            table.title,
            table.caption,
            table.columns,
            (*_ours(findings, table), *_theirs(table)),
        )
        for table in findings.published
    )


def _theirs(table: PublishedTable) -> list[Published]:
    return [
        Published(
            row.system,
            row.metric.upper(),
            tuple("" if v is None else f"{v:.1f}" for v in row.values),
            EPOCHS.get(row.epoch, "not told"),
            row.epoch == "test",
            row.source,
            row.note,
        )
        for row in table.rows
    ]


def _ours(findings: Findings, table: PublishedTable) -> list[Published]:
    own = [_pattern(name, findings.header.modalities) for name in table.columns]
    if not any(own) or columns_of(findings.header.conditions)[0].noise != CLEAN:
        return []
    rows = []
    for metric in dict.fromkeys(row.metric for row in table.rows):
        # Tables come noise by noise, the noise-free first.
        found = next((s for s in findings.tables if s.metric.name == metric), None)
        if found is None:
            continue
        wide = found.wide().to_dict()
        for method in found.methods:
            values = [float(wide[p][method]) if p in wide else math.nan for p in own]
            rows.append(
                Published(
                    findings.names.get(method, method),
                    metric.upper(),
                    tuple(percent(v) for v in values),
                    EPOCHS["validation"],
                    False,
                    "this run",
                    ours=True,
                )
            )
    return rows


def _pattern(column: str, modalities: Sequence[str]) -> str:
    """Return our name of a column such as `{a,v}` or `average`; empty where there is none."""
    if column == "average":
        return MEAN
    letters = column.strip("{}").split(",")
    named = [m for m in modalities if m[0] in letters]
    return "+".join(named) if len(named) == len(letters) else ""
