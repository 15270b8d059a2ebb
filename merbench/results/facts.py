"""What run.json says, as lines for a reader. Any key may be absent: a report is still due then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merbench.errors import ConfigError, IncompleteError
from merbench.results.confusion import Confusion

RUN = "run.json"
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
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{path}: expected a JSON object, found {type(record).__name__}")
    return record


def suite_name(record: Record, directory: Path) -> str:
    """Return the suite's name, or that of the run's directory."""
    return str(_section(record, "suite").get("name") or directory.resolve().name)


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
