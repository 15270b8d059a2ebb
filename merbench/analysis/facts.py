"""What run.json says, as lines for a reader. Any key may be absent: a report is still due then."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from merbench.errors import ConfigError, IncompleteError
from merbench.results.confusion import Confusion
from merbench.results.header import TableHeader
from merbench.text import LONGEST_NAME, shortened, visible

RUN = "run.json"
SUITE = "suite.yaml"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """One line: what, and how it is."""

    name: str
    text: str


def read_record(directory: Path) -> Record:
    """Read run.json.

    Raises:
        IncompleteError: there is no run in the directory.
        ConfigError: the file is not a JSON object.
    """
    path = directory / RUN
    if not path.is_file():
        raise IncompleteError(f"{directory}: not a run (it has no {RUN})")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{path}: expected a JSON object, found {type(record).__name__}")
    return record


def suite_name(record: Record, directory: Path) -> str:
    """Return the suite's name, or that of the run's directory."""
    name = str(_section(record, "suite").get("name") or directory.resolve().name)
    return shortened(visible(name), LONGEST_NAME)


class RunFacts(NamedTuple):
    """All that run.json says and a report shows."""

    headline: tuple[Fact, ...]
    protocol: tuple[Fact, ...]
    warnings: tuple[str, ...]
    provenance: tuple[Fact, ...]
    reproduce: tuple[str, ...]


def run_facts(record: Record, confusion: Confusion) -> RunFacts:
    """Return what run.json says; see the functions of the same names."""
    return RunFacts(
        headline(record, confusion),
        protocol(record, confusion.header),
        warnings(record, confusion),
        provenance(record),
        reproduce(record),
    )


def headline(record: Record, confusion: Confusion) -> tuple[Fact, ...]:
    """Return what a reader must know to cite the run."""
    suite, corpus, cells = (_section(record, key) for key in ("suite", "corpus", "cells"))
    header = confusion.header
    done, total = int(confusion.done.sum()), len(header.cells)
    version, suite_hash = suite.get("version"), str(record.get("suite_hash") or "")
    facts = {
        "Suite": _words(
            suite.get("name"),
            version is not None and f"version {version}",
            suite_hash and f"hash {suite_hash[:12]}",
        ),
        "Corpus": _words(
            header.corpus,
            corpus.get("utterances") and f"{corpus['utterances']} utterances",
            f"{len(header.classes)} classes: {', '.join(header.classes)}",
        ),
        "Modalities": _modalities(corpus) or ", ".join(header.modalities),
        "Methods": ", ".join(header.methods),
        "Folds": str(len(header.folds)),
        "Seeds": ", ".join(map(str, header.seeds)),
        "Conditions": str(len(header.conditions)),
        "Cells": _words(f"{done} of {total}", cells.get("failed") and f"{cells['failed']} failed"),
        "merbench": str(_section(record, "versions").get("merbench") or ""),
    }
    return _facts(facts)


def provenance(record: Record) -> tuple[Fact, ...]:
    """Return where and when the run was made, and the digests that identify its input."""
    git = _section(record, "git")
    facts = {
        "Status": record.get("status"),
        "Started": record.get("started"),
        "Finished": record.get("finished"),
        "Host": _plain(record.get("host")),
        "Device": _plain(record.get("device")),
        "Git revision": _words(
            git.get("revision"), git.get("dirty") and "with uncommitted changes"
        ),
        "Suite hash": record.get("suite_hash"),
        "Corpus fingerprint": _section(record, "corpus").get("fingerprint"),
        "Draws hash": record.get("draws_hash"),
        "Versions": _plain(record.get("versions")),
    }
    return _facts(facts)


def protocol(record: Record, header: TableHeader) -> tuple[Fact, ...]:
    """Return what was done about the data: folds, absent modalities, donors."""
    corpus, suite = (_section(record, key) for key in ("corpus", "suite"))
    folds = _folds(record)
    absent = {
        str(m["name"]): m["natively_absent"]
        for m in _mappings(corpus.get("modalities"))
        if m.get("natively_absent") is not None
    }
    overlap: dict[str, int] = {}
    for fold in folds:
        for name, count in _section(fold, "overlap").items():
            overlap[name] = overlap.get(name, 0) + int(count)
    scheme = _section(suite, "folds")
    facts = {
        "Folds": _words(
            scheme.get("scheme"),
            scheme.get("by") and f"by {scheme['by']}",
            scheme.get("limit") and f"the first {scheme['limit']} only",
        ),
        "Utterances by fold": "; ".join(
            f"{fold.get('name')}: {fold.get('train')} train, {fold.get('valid')} validation, "
            f"{fold.get('test')} test"
            for fold in folds
        ),
        "Shared between parts, over all folds": _words(
            *(f"{name}: {count}" for name, count in overlap.items())
        ),
        "Natively absent": _words(*(f"{name}: {count}" for name, count in absent.items())),
        "Epochs": _words(
            suite and "picked on validation data by the mean over partial patterns, never on test",
            header.imported and f"not known of {', '.join(header.imported)}",
        ),
        "Tuning": _tuning(_section(suite, "tuned"), header),
        "Training that is incomplete": f"{100 * float(suite.get('train_missing_rate') or 0):.0f} %",
        "Donors the fold trained on": _words(*_donors(record)),
    }
    return _facts(facts)


def _tuning(tuned: Record, header: TableHeader) -> str:
    """Say what was spent on the settings, on whom, and which folds that leaves untouched."""
    methods = {
        label: cost
        for label, cost in _section(tuned, "methods").items()
        if label in header.methods and isinstance(cost, Mapping)
    }
    if not methods:
        return ""
    without = [label for label in header.methods if label not in methods]
    untouched = [name for name in header.folds if name in _listed(tuned.get("untouched"))]
    names = ", ".join(untouched) or "none"
    took = ", ".join(f"{label} {cost.get('seconds')}" for label, cost in methods.items())
    return _words(
        f"{tuned.get('trials')} trials of each method on validation data of fold "
        f"{', '.join(map(str, _listed(tuned.get('folds'))))}",
        f"seconds: {took}",
        without and f"not tuned: {', '.join(without)}",
        "all folds test on utterances that tuning has not seen"
        if len(untouched) == len(header.folds)
        else f"folds that test on utterances tuning has not seen: {names}",
    )


def test_to_train(record: Record, header: TableHeader) -> float:
    """Return the number of test over that of training utterances, in the mean fold."""
    sizes = [(f["test"], f["train"]) for f in _folds(record) if f.get("test") and f.get("train")]
    if sizes:
        return float(sum(test for test, _ in sizes) / sum(train for _, train in sizes))
    return 1 / max(1, len(header.folds) - 1)


def reproduce(record: Record) -> tuple[str, ...]:
    """Return the commands that make the run and its report again."""
    suite = _section(record, "suite")
    if not suite:
        return ()
    reader = _section(suite, "corpus").get("reader")
    revision = _section(record, "git").get("revision")
    corpus = f" --corpus {reader}:PATH" if reader and reader != "synthetic" else ""
    chosen = ",".join(map(str, _listed(record.get("folds_chosen"))))
    folds = f" --folds {shlex.quote(chosen)}" if chosen else ""
    out = shlex.quote(f"runs/{suite.get('name')}")
    return (
        *([f"git checkout {revision}"] if revision else []),
        f"merbench run {SUITE}{corpus}{folds} --out {out}",
        f"merbench report {out}",
    )


def resolved_suite(record: Record) -> dict[str, Any]:
    """Return the suite as it was run, without where its corpus lay; empty without a record."""
    suite = dict(_section(record, "suite"))
    if suite:
        suite["corpus"] = {k: v for k, v in _section(suite, "corpus").items() if k != "path"}
    return suite


def _folds(record: Record) -> list[Record]:
    return _mappings(record.get("folds"))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mappings(value: object) -> list[Record]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _donors(record: Record) -> list[str]:
    """Return, for each noise that has donors, the mean share over folds."""
    shares: dict[str, list[float]] = {}
    for fold in _section(record, "donors_trained_on").values():
        if isinstance(fold, Mapping):
            for noise, share in fold.items():
                shares.setdefault(noise, []).append(float(share))
    return [f"{noise} {100 * sum(found) / len(found):.0f} %" for noise, found in shares.items()]


def warnings(record: Record, confusion: Confusion) -> tuple[str, ...]:
    """Return what a reader of the results must know: holes first, then the run's own warnings."""
    lines = []
    if confusion.missing:
        lines.append(
            f"{len(confusion.missing)} of {len(confusion.header.cells)} cells are missing: "
            f"{', '.join(map(str, confusion.missing))}. A method's values rest on those of its "
            "seeds that have every fold, and are blank where none has."
        )
    conditions = _section(record, "conditions")
    for key, text in (
        ("not_applicable", "Not applicable to this corpus, never scored"),
        ("duplicates", "The same as another column, evaluated once, left out of every mean"),
    ):
        if found := _list(conditions.get(key)):
            lines.append(f"{text}: {'; '.join(found)} ({len(found)}).")
    return (*lines, *_list(record.get("warnings")))


def _section(record: Record, key: str) -> Record:
    found = record.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(value: object) -> list[str]:
    return [_plain(item) for item in value] if isinstance(value, list) else []


def _plain(value: object) -> str:
    """Return any JSON value as one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return "" if value is None else str(value)


def _modalities(corpus: Record) -> str:
    found = corpus.get("modalities")
    if not isinstance(found, list):
        return ""
    return ", ".join(_modality(m) if isinstance(m, Mapping) else str(m) for m in found)


def _modality(modality: Record) -> str:
    width = modality.get("width")
    return f"{modality.get('name')} ({_words(modality.get('kind'), width and f'{width}-d')})"


def _words(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _facts(texts: Mapping[str, object]) -> tuple[Fact, ...]:
    return tuple(Fact(name, str(text)) for name, text in texts.items() if text)
