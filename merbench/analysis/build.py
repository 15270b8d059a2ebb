"""From a run's tables to its findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merbench.analysis.contrasts import (
    HEADLINE_METHOD,
    ROPE,
    contrast_table,
    exploratory_table,
)
from merbench.analysis.curves import curve_values, curves_of
from merbench.analysis.evidence import DRAWS, Evidence, gather_evidence
from merbench.analysis.facts import (
    RUN,
    Record,
    read_record,
    run_facts,
    suite_name,
    test_to_train,
)
from merbench.analysis.findings import Findings, Ranks, Statement
from merbench.analysis.published import published_for
from merbench.analysis.quantities import Matrices
from merbench.analysis.reliability import calibration_table, reliability_table
from merbench.analysis.robustness import METRIC, robustness
from merbench.analysis.scope import inference_of
from merbench.analysis.tables import grid_values, with_intervals
from merbench.analysis.threads import one_thread
from merbench.analysis.training import chosen_epochs, costs, cut_short, training_curves
from merbench.analysis.verdict import Ground, verdict
from merbench.results.audits import Audits, read_audits
from merbench.results.conditions import CLEAN
from merbench.results.header import TableHeader
from merbench.results.metrics import confusion_metric
from merbench.results.reading import reading
from merbench.results.summary import overview, summary_tables
from merbench.results.tables import PREDICTIONS
from merbench.results.tally import Tally, read_tally
from merbench.statistics.ranks import rank_methods

METRICS = ("ua", "wa", "f1")


@one_thread
def analyse(directory: Path, partial: bool = False, draws: int = DRAWS) -> Findings:
    """Compute the findings of a run from its four tables and run.json.

    Args:
        directory: of the run.
        partial: leave holes blank instead of refusing a run that has any.
        draws: bootstrap samples.

    Raises:
        IncompleteError: cells are missing (and `partial` is False), naming each; or there is none.
        ConfigError: a file is not one of ours.
    """
    record = read_record(directory)
    tally = read_tally(directory / PREDICTIONS)
    header, confusion = tally.header, tally.confusion
    with reading(directory / RUN):
        metrics, pairs = metrics_of(record), declared_pairs(record, header)
        ratio, facts = test_to_train(record, header), run_facts(record, confusion)
    shown = [confusion_metric(name) for name in metrics]
    overviews = [overview(confusion, metric, partial) for metric in shown]
    by_metric = [summary_tables(confusion, metric, partial) for metric in shown]
    tables = [table for group in zip(*by_metric, strict=True) for table in group]
    curves = curves_of(header)
    averages = [a for table in (*overviews, *tables) for a in table.averages.values()]
    matrices = Matrices(len(header.conditions), averages)
    evidence = gather_evidence(tally, matrices, {**dict.fromkeys(metrics), METRIC: None}, draws)
    overviews = [with_intervals(table, evidence) for table in overviews]
    tables = [with_intervals(table, evidence) for table in tables]
    inference = inference_of(tally, evidence, draws, ROPE)
    contrasts = contrast_table(evidence, tally, overviews, pairs, ratio)
    summaries = robustness(evidence, tally)
    main = contrasts[contrasts["metric"] == metrics[0]] if len(contrasts) else contrasts
    missing = tables[0] if tables[0].stem.endswith(CLEAN) else None
    tested = {(row.method, row.against) for row in contrasts.itertuples()}
    untested = tuple(pair for pair in pairs if pair not in tested)
    ground = Ground(header, evidence, overviews[0], missing, main, summaries, inference, untested)
    patterns, confusions = _confusions(tally)
    names = {m: header.shown_as.get(m, m) for m in header.methods}
    audits = read_audits(directory)
    return Findings(
        name=suite_name(record, directory),
        header=header,
        names=names,
        metrics=metrics,
        inference=inference,
        verdict=(
            *verdict(ground),
            *_cut_short([names[m] for m in cut_short(directory, header)]),
            *_audited(audits, record, names),
        ),
        overviews=tuple(overviews),
        tables=tuple(tables),
        curves=curve_values(evidence, metrics, curves),
        grid=grid_values(evidence, metrics, len(header.conditions)),
        robustness=summaries,
        contrasts=contrasts,
        exploratory=exploratory_table(evidence, metrics[0], pairs, len(header.conditions)),
        ranks=_ranks(evidence, metrics[0], len(header.conditions)),
        confusions=confusions,
        patterns=patterns,
        training=training_curves(directory, header),
        chosen=chosen_epochs(directory, header),
        reliability=reliability_table(tally),
        calibration=calibration_table(directory, tally),
        costs=costs(directory, tally),
        seen=header.seen,
        audits=audits,
        published=published_for(header.corpus, header.classes),
        headline=facts.headline,
        protocol=facts.protocol,
        warnings=facts.warnings,
        provenance=facts.provenance,
        reproduce=facts.reproduce,
    )


def _cut_short(methods: Sequence[str]) -> Iterator[Statement]:
    """Say which methods may owe their place to the epochs they were given."""
    if methods:
        yield Statement(
            "limit",
            f"The budget ended the training of {', '.join(methods)}: in half of the trainings or "
            "more, the epoch picked on validation is the last there was. With more epochs they may "
            "be better, and the order another.",
        )


def _audited(
    audits: Audits | None, record: Record, names: Mapping[str, str]
) -> Iterator[Statement]:
    """Say which methods break the protocol, as the audit found."""
    code = record.get("code")
    if audits is not None:
        for text in audits.limits(code if isinstance(code, Mapping) else {}, names):
            yield Statement("limit", text)


def declared_pairs(record: Record, header: TableHeader) -> tuple[tuple[str, str], ...]:
    """Return the contrasts of the suite; without any, nmer against every other method."""
    suite = record.get("suite")
    found = suite.get("contrasts") if isinstance(suite, Mapping) else None
    if isinstance(found, Sequence) and not isinstance(found, str):
        return tuple((str(pair[0]), str(pair[1])) for pair in found)
    others = [m for m in header.methods if m != HEADLINE_METHOD]
    return tuple((HEADLINE_METHOD, m) for m in others) if len(others) < len(header.methods) else ()


def metrics_of(record: Record) -> tuple[str, ...]:
    """Return the metrics that a suite wants, UA first where it is one of them."""
    suite = record.get("suite")
    found = suite.get("metrics") if isinstance(suite, Mapping) else None
    return in_order(map(str, found)) if isinstance(found, Sequence) and found else METRICS


def in_order(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return some metrics in the order of every report: UA, WA, F1, then others as they come."""
    wanted = dict.fromkeys(metrics)
    return (*(m for m in METRICS if m in wanted), *(m for m in wanted if m not in METRICS))


def _confusions(tally: Tally) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the noise-free patterns, and (method, pattern, C, C) row shares, mean over seeds."""
    header = tally.header
    places = {c.pattern: k for k, c in enumerate(header.conditions) if c.is_clean}
    classes = len(header.classes)
    shares = np.full((len(header.methods), len(places), classes, classes), np.nan)
    for index, method in enumerate(header.methods):
        usable = list(tally.whole_seeds(method))
        counts = tally.confusion.counts[index, usable].sum(axis=(0, 1))[[*places.values()]]
        totals = counts.sum(axis=-1, keepdims=True)
        np.divide(counts, totals, out=shares[index], where=totals > 0)
    return tuple(places), shares


def _ranks(evidence: Evidence, metric: str, conditions: int) -> Ranks | None:
    methods = evidence.methods
    if len(methods) < 3:
        return None
    values = [evidence.values(metric, method)[:conditions] for method in methods]
    found = rank_methods(np.stack(values, axis=-1))
    order = np.argsort(found.mean_ranks, kind="stable")
    place = {int(method): k for k, method in enumerate(order)}
    cliques = [sorted(place[m] for m in clique) for clique in found.cliques]
    return Ranks(
        methods=tuple(methods[m] for m in order),
        ranks=tuple(float(found.mean_ranks[m]) for m in order),
        critical_difference=found.critical_difference,
        cliques=tuple(sorted((clique[0], clique[-1]) for clique in cliques)),
        conditions=found.blocks,
        friedman=found.friedman.statistic,
    )
