"""The findings of a run: every number and sentence that a report shows, computed once.

Pages, figures, tables, `summary.json` and the terminal are views of these. Values are fractions,
not percent; severities lie between 0 and 1. Frames are in the order of the suite: methods, then
conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merbench.analysis.facts import Fact
from merbench.analysis.published import PublishedTable
from merbench.results.audits import Audits
from merbench.results.header import TableHeader
from merbench.results.summary import Summary

Scope = Literal["population", "models", "none"]


@dataclass(frozen=True)
class Inference:
    """What the intervals rest on.

    Attributes:
        unit: what a cluster is, `speaker` or `dialogue`; empty where none is known.
        clusters: how many were tested.
        folds: how many.
        seeds: how many a method has, the most.
        lone: labels of the methods whose own luck of training is not measured though that of others
            is: they have one seed.
        draws: bootstrap samples.
        confidence: of every interval, such as 0.95.
        rope: half-width of practical equivalence, a fraction.
        scope: whether claims hold for the `population` of clusters and trainings, for the trained
            `models` alone, or there is no interval at all (`none`).
        notes: what limits the claims, as sentences.
    """

    unit: str
    clusters: int
    folds: int
    seeds: int
    lone: tuple[str, ...]
    draws: int
    confidence: float
    rope: float
    scope: Scope
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One sentence of the verdict.

    Attributes:
        kind: `lead` (who leads, by how much), `finding` (where which method is best, and where it
            breaks), `supported`, `unsupported`, `equivalent`, or `limit` (a reason why something
            cannot be claimed).
        text: the sentence.
    """

    kind: Literal["lead", "finding", "supported", "unsupported", "equivalent", "limit"]
    text: str


@dataclass(frozen=True)
class Ranks:
    """Average ranks over the conditions: description, not a test.

    Attributes:
        methods: labels, the best first.
        ranks: average rank of each, 1 is best.
        critical_difference: Nemenyi's at 0.05.
        cliques: groups of neighbours closer than that, as (first, last) positions in `methods`.
        conditions: how many were ranked.
        friedman: its statistic.
    """

    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    critical_difference: float
    cliques: tuple[tuple[int, int], ...]
    conditions: int
    friedman: float


@dataclass(frozen=True)
class Findings:
    """Everything about one run.

    Attributes:
        name: of the suite, or of the run's folder.
        header: axes of the run.
        names: label -> how the method is shown.
        metrics: metrics shown, such as (`ua`, `wa`, `f1`); the first is the main one.
        inference: what the intervals rest on.
        verdict: the sentences on top.
        overviews: one table a metric: partial mean, complete, grid mean.
        tables: one table for each (noise column, metric), columns are patterns.
        curves: metric, noise, on, column (a pattern or `mean`), method, severity, value, low, high.
            `mean` is over the partial patterns. A curve starts at severity 0.
        grid: metric, condition (its position in the header), method, value, low, high.
        robustness: measure, noise, on, method, value, low, high, censored. Measures are
            `area` (under UA against severity, mean over patterns), `mean_drop`, `worst_drop`,
            `always_right`, `breakdown` (a severity; `censored` where it is beyond the grid) and
            `relative_error` (against zero_fill); `noise` is empty for the whole grid.
        contrasts: metric, method, against, difference, low, high, sample_se, seed_se, df, p,
            p_holm, better, equivalent, worse (Bayesian; NaN with too few folds), corrected_t_p,
            sign_flip_p, sign_flip_smallest, wilcoxon_p, wilcoxon_smallest, mcnemar_p (one fold and
            seed, a diagnostic), detectable (at the level that Holm starts with), note; on the grid
            mean (the partial mean where the grid has no noise).
        exploratory: method, against, condition, difference, low, high, p, q (Benjamini-Hochberg),
            of the main metric.
        ranks: average ranks, None with fewer than three methods.
        confusions: (method, pattern, C, C) row shares of the noise-free patterns, mean over seeds.
        patterns: of `confusions`.
        training: method, stage, epoch, value, low, high, cells: the validation score that the epoch
            is picked by, mean and range over folds and seeds.
        chosen: method, stage, fold, seed, epoch.
        reliability: method, group (`complete`, `missing`, `noised`), bin, share, confidence,
            accuracy; no rows for methods without probabilities.
        calibration: method, group, ece, nll.
        costs: method, parameters, train_seconds, shared_seconds, ms_per_prediction, peak_memory
            (bytes); means over cells.
        seen: noise -> labels of the methods that met it in training.
        audits: what `merbench audit` found of the methods, None where they were not audited.
        published: figures of papers beside ours, where the corpus has any.
        headline: what to cite.
        protocol: what was done about the data.
        warnings: what a reader of the results must know.
        provenance: where, when and with what.
        reproduce: commands.
    """

    name: str
    header: TableHeader
    names: Mapping[str, str]
    metrics: tuple[str, ...]
    inference: Inference
    verdict: tuple[Statement, ...]
    overviews: tuple[Summary, ...]
    tables: tuple[Summary, ...]
    curves: pd.DataFrame
    grid: pd.DataFrame
    robustness: pd.DataFrame
    contrasts: pd.DataFrame
    exploratory: pd.DataFrame
    ranks: Ranks | None
    confusions: NDArray[np.float64]
    patterns: tuple[str, ...]
    training: pd.DataFrame
    chosen: pd.DataFrame
    reliability: pd.DataFrame
    calibration: pd.DataFrame
    costs: pd.DataFrame
    seen: Mapping[str, tuple[str, ...]]
    audits: Audits | None
    published: tuple[PublishedTable, ...]
    headline: tuple[Fact, ...]
    protocol: tuple[Fact, ...]
    warnings: tuple[str, ...]
    provenance: tuple[Fact, ...]
    reproduce: tuple[str, ...]
