"""Two runs, or methods of one run, side by side: paired differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from merbench.analysis.contrasts import ROPE
from merbench.analysis.evidence import DRAWS, Evidence, gather_evidence, linear
from merbench.analysis.facts import Record, read_record, suite_name
from merbench.analysis.findings import Inference
from merbench.analysis.quantities import Matrices, quantities_of
from merbench.analysis.scope import inference_of
from merbench.analysis.threads import one_thread
from merbench.errors import ConfigError, IncompleteError, NotComparableError, did_you_mean
from merbench.results.averages import Average
from merbench.results.metrics import ConfusionMetric
from merbench.results.tables import PREDICTIONS
from merbench.results.tally import Tally, read_tally
from merbench.statistics.corrections import holm


@dataclass(frozen=True)
class Comparison:
    """Differences of pairs of methods.

    Attributes:
        title: what is compared.
        metric: of the values.
        sides: what the first and the second value of a row are.
        frame: quantity, pair (what tells the rows of a quantity apart), method, against, value,
            value_against, difference, low, high, p, p_holm (over the pairs, for each quantity by
            itself).
        inference: what the intervals rest on.
        notes: what a reader must know.
    """

    title: str
    metric: ConfusionMetric
    sides: tuple[str, str]
    frame: pd.DataFrame
    inference: Inference
    notes: tuple[str, ...]


def compare_methods(
    directory: Path,
    methods: Sequence[str],
    metric: ConfusionMetric,
    partial: bool = False,
    draws: int = DRAWS,
) -> Comparison:
    """Compare the first method with each of the others, on every table of a run.

    Raises:
        ConfigError: fewer than two methods, or one that the run has not.
        IncompleteError: cells are missing, and `partial` is False.
    """
    tally = read_tally(directory / PREDICTIONS)
    for method in methods:
        if method not in tally.header.methods:
            raise ConfigError(
                f"{directory}: no method {method!r}; {did_you_mean(method, tally.header.methods)}"
            )
    methods = [*dict.fromkeys(methods)]
    if len(methods) < 2:
        raise ConfigError("expected two methods or more, such as --methods nmer,if_mmin")
    record = read_record(directory)
    pairs = {(methods[0], other): other for other in methods[1:]}
    title = f"{methods[0]} against {', '.join(methods[1:])}, {suite_name(record, directory)}"
    sides = (methods[0], "its value")
    return _compare(tally, pairs, metric, title, sides, (), partial, draws)


def compare_runs(
    first: Path, second: Path, metric: ConfusionMetric, partial: bool = False, draws: int = DRAWS
) -> Comparison:
    """Compare every method of the first run with the method of that label in the second.

    Raises:
        NotComparableError: corpus or folds differ, or no method or condition is in both.
        IncompleteError: cells are missing, and `partial` is False.
    """
    directories = (first, second)
    records = [read_record(directory) for directory in directories]
    tallies = [read_tally(directory / PREDICTIONS) for directory in directories]
    shared = tuple(m for m in tallies[0].header.methods if m in tallies[1].header.methods)
    _need_same(directories, records, tallies)
    if not shared:
        raise NotComparableError(f"{first} and {second}: no method is in both")
    tallies, notes = _same_conditions(directories, tallies)
    notes += [
        text
        for name, text in _DRAWN.items()
        if records[0].get(name) is None or records[0].get(name) != records[1].get(name)
    ]
    for directory, tally in zip(directories, tallies, strict=True):
        alone = [method for method in tally.header.methods if method not in shared]
        if alone:
            notes.append(f"Only {directory} has {', '.join(alone)}.")
    names = ("A", "B")
    merged = _merge(*(_only(t, shared, f"{n}: ") for t, n in zip(tallies, names, strict=True)))
    pairs = {(f"B: {method}", f"A: {method}"): method for method in shared}
    title = f"B ({_called(records[1], second)}) against A ({_called(records[0], first)})"
    return _compare(merged, pairs, metric, title, ("B", "A"), tuple(notes), partial, draws)


_DRAWN = {
    "draws_hash": (
        "The runs are not known to have met the same corruptions (their draws differ), so what "
        "noise does to one utterance is not paired."
    ),
    "suite_hash": "The runs are not known to be of one suite: their protocols may differ.",
}


def _called(record: Record, directory: Path) -> str:
    return f"{suite_name(record, directory)} in {directory.name}"


def _need_same(
    directories: Sequence[Path], records: Sequence[Record], tallies: Sequence[Tally]
) -> None:
    """Refuse runs whose utterances are not the same, saying what differs."""
    headers = [tally.header for tally in tallies]
    fingerprints = [_fingerprint(record) for record in records]
    facts: dict[str, list[object]] = {
        "corpus": fingerprints if all(fingerprints) else [h.corpus for h in headers],
        "classes": [h.classes for h in headers],
        "modalities": [h.modalities for h in headers],
        "folds": [_folds(tally) for tally in tallies],
        "labels": [_labels(tally) for tally in tallies],
    }
    differing = [name for name, (mine, other) in facts.items() if mine != other]
    if differing:
        raise NotComparableError(
            f"{directories[0]} and {directories[1]} are not comparable: their "
            f"{', '.join(differing)} differ; expected runs of one corpus with the same folds"
        )


def _fingerprint(record: Record) -> object:
    corpus = record.get("corpus")
    return corpus.get("fingerprint") if isinstance(corpus, Mapping) else None


def _labels(tally: Tally) -> list[list[int]]:
    """Return how many utterances of each class every unit has."""
    whole = np.argwhere(tally.done[..., tally.units.fold].all(axis=-1))
    if not len(whole):
        return []
    method, seed = whole[0]
    found: list[list[int]] = tally.counts[method, seed, :, 0].sum(axis=-1).tolist()
    return found


def _folds(tally: Tally) -> list[tuple[str, str, int]]:
    units = tally.units
    return [
        (tally.header.folds[fold], units.clusters[cluster], int(size))
        for fold, cluster, size in zip(units.fold, units.cluster, units.sizes, strict=True)
    ]


def _same_conditions(
    directories: Sequence[Path], tallies: Sequence[Tally]
) -> tuple[list[Tally], list[str]]:
    """Return both with the conditions that are in both, in the first one's order."""
    # How a severity was asked for does not matter, what was applied does.
    mine, other = (
        [repr(c._replace(requested=0.0)) for c in tally.header.conditions] for tally in tallies
    )
    both = [c for c in mine if c in set(other)]
    if not both:
        raise NotComparableError(f"{directories[0]} and {directories[1]}: no condition is in both")
    places = [[own.index(c) for c in both] for own in (mine, other)]
    left = len(mine) + len(other) - 2 * len(both)
    notes = [f"{left} conditions are in one run only, and left out."] if left else []
    return [_with_conditions(t, k) for t, k in zip(tallies, places, strict=True)], notes


def _with_conditions(tally: Tally, chosen: list[int]) -> Tally:
    conditions = tuple(tally.header.conditions[k] for k in chosen)
    return replace(
        tally,
        header=replace(tally.header, conditions=conditions),
        counts=tally.counts[:, :, :, chosen],
    )


def _only(tally: Tally, methods: Sequence[str], prefix: str) -> Tally:
    """Return the tally of some methods, their labels prefixed."""
    rows = [tally.header.methods.index(method) for method in methods]
    labels = {method: prefix + method for method in methods}
    own = tally.header.seeds_of
    header = replace(
        tally.header,
        methods=tuple(labels.values()),
        shown_as={labels[m]: prefix + tally.header.shown_as.get(m, m) for m in methods},
        seeds_of={labels[m]: own.get(m, tally.header.seeds) for m in methods},
    )
    hits = {
        k._replace(method=labels[k.method]): v for k, v in tally.hits.items() if k.method in labels
    }
    return replace(
        tally, header=header, counts=tally.counts[rows], done=tally.done[rows], hits=hits
    )


def _merge(first: Tally, second: Tally) -> Tally:
    """Return one tally with the methods of both, and the seeds of either."""
    headers = (first.header, second.header)
    seeds = tuple(sorted({*headers[0].seeds, *headers[1].seeds}))
    counts, done = [], []
    for tally in (first, second):
        places = [seeds.index(seed) for seed in tally.header.seeds]
        methods = len(tally.header.methods)
        wide = np.zeros((methods, len(seeds), *tally.counts.shape[2:]), tally.counts.dtype)
        wide[:, places] = tally.counts
        there = np.zeros((methods, len(seeds), tally.done.shape[2]), np.bool_)
        there[:, places] = tally.done
        counts.append(wide)
        done.append(there)
    header = replace(
        headers[0],
        methods=headers[0].methods + headers[1].methods,
        seeds=seeds,
        shown_as={**headers[0].shown_as, **headers[1].shown_as},
        seeds_of={**headers[0].seeds_of, **headers[1].seeds_of},
    )
    return replace(
        first,
        header=header,
        counts=np.concatenate(counts),
        done=np.concatenate(done),
        hits={**first.hits, **second.hits},
    )


@one_thread
def _compare(
    tally: Tally,
    pairs: Mapping[tuple[str, str], str],
    metric: ConfusionMetric,
    title: str,
    sides: tuple[str, str],
    notes: tuple[str, ...],
    partial: bool,
    draws: int,
) -> Comparison:
    if not partial:
        tally.confusion.require_complete()
    quantities = quantities_of(tally.header)
    matrices = Matrices(len(tally.header.conditions), quantities.values())
    evidence = gather_evidence(tally, matrices, [metric.name], draws)
    known = {pair: name for pair, name in pairs.items() if {*pair} <= {*evidence.methods}}
    if not known:
        raise IncompleteError("no pair of methods has a seed with every fold")
    rows = [
        row
        for name, average in quantities.items()
        for row in _rows(evidence, metric.name, name, average, known)
    ]
    left = [name for pair, name in pairs.items() if pair not in known]
    if left:
        notes = (*notes, f"Not compared, for want of a seed with every fold: {', '.join(left)}.")
    inference = inference_of(tally, evidence, draws, ROPE)
    notes = (*notes, *inference.notes)
    return Comparison(title, metric, sides, pd.DataFrame(rows), inference, notes)


def _rows(
    evidence: Evidence,
    metric: str,
    quantity: str,
    average: Average,
    pairs: Mapping[tuple[str, str], str],
) -> list[dict[str, object]]:
    weigh = linear(evidence.matrices.weights(average))
    found = [evidence.between(metric, *pair, weigh) for pair in pairs]
    adjusted = holm(np.array([float(f.p) for f in found]))
    return [
        {
            "quantity": quantity,
            "pair": name,
            "method": method,
            "against": against,
            "value": float(weigh(evidence.values(metric, method))),
            "value_against": float(weigh(evidence.values(metric, against))),
            "difference": float(f.value),
            "low": float(f.low),
            "high": float(f.high),
            "p": float(f.p),
            "p_holm": float(p),
        }
        for ((method, against), name), f, p in zip(pairs.items(), found, adjusted, strict=True)
    ]
