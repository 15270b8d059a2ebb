"""Everything that is wrong with a corpus, and what would be tidied: what `data check` shows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from merbench.config import Config
from merbench.corpus.corpus import Corpus
from merbench.corpus.describe import ModalityFacts, describe_modality
from merbench.corpus.load import reader_class
from merbench.corpus.problems import CollectedProblems, SettledError, kind_of
from merbench.errors import CorpusError


@dataclass(frozen=True)
class FoundProblem:
    """One thing that is wrong: its sort, and where it is, what it is, what was expected."""

    kind: str
    text: str


@dataclass(frozen=True)
class CheckReport:
    """What a check came to.

    Attributes:
        corpus: its name; None where it cannot be read.
        fingerprint: likewise.
        utterances: how many; 0 where it cannot be read.
        problems: all that is wrong, in the order of reading.
        tidied: what is no problem and is dealt with, or left out.
    """

    corpus: str | None
    fingerprint: str | None
    utterances: int
    problems: tuple[FoundProblem, ...]
    tidied: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Problems of each kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "corpus": self.corpus,
            "fingerprint": self.fingerprint,
            "utterances": self.utterances,
            "problems": [{"kind": p.kind, "text": p.text} for p in self.problems],
            "counts": self.counts,
            "total": len(self.problems),
            "tidied": list(self.tidied),
        }


def check_corpus(reader: str, config: Config) -> CheckReport:
    """Read a corpus to the end, whatever is wrong with it.

    Raises:
        ConfigError: no such reader, or settings that do not fit the corpus.
    """
    problems = CollectedProblems()
    corpus: Corpus | None = None
    try:
        corpus = reader_class(reader).examine(config, problems)
    except SettledError:
        pass
    except CorpusError as error:
        problems.add(error)
    found = tuple(FoundProblem(kind_of(error), str(error)) for error in problems.found)
    if corpus is None or found:
        return CheckReport(None, None, 0, found, tuple(problems.notes))
    return CheckReport(
        corpus.name,
        corpus.fingerprint,
        len(corpus),
        (),
        (*problems.notes, *_tidied(corpus)),
    )


def _tidied(corpus: Corpus) -> Iterator[str]:
    for modality in corpus.modalities:
        yield from _untidy(describe_modality(modality))
    lacking = np.flatnonzero(~corpus.available.any(axis=1)).tolist()
    if lacking:
        first = corpus.utterances[lacking[0]]
        yield f"{len(lacking)} utterances lack every modality, first {first!r}"
    counts = np.bincount(corpus.labels, minlength=len(corpus.classes)).tolist()
    for name, count in zip(corpus.classes, counts, strict=True):
        if not count:
            yield f"class {name!r} has no utterance"
    yield from _repeated(corpus)


def _untidy(facts: ModalityFacts) -> Iterator[str]:
    if facts.nan_cells:
        yield (
            f"{facts.name}: {facts.nan_cells} NaN values in {facts.nan_columns} columns become the "
            "training mean of their column"
        )
    if facts.absent:
        yield f"{facts.name}: {facts.absent} utterances lack it (natively absent)"
    if facts.constant_columns:
        yield f"{facts.name}: {facts.constant_columns} constant columns are dropped"


def _repeated(corpus: Corpus) -> Iterator[str]:
    """Tell of utterances that repeat another: a fold may have them on both sides."""
    first: dict[bytes, int] = {}
    repeated: list[tuple[int, int]] = []
    there = corpus.available.any(axis=1)
    for i in np.flatnonzero(there).tolist():
        sha = hashlib.sha256()
        for modality in corpus.modalities:
            frames = np.ascontiguousarray(modality.sequence(i))
            sha.update(len(frames).to_bytes(8, "little"))
            sha.update(frames.data)
        earlier = first.setdefault(sha.digest(), i)
        if earlier != i:
            repeated.append((i, earlier))
    if repeated:
        names = [corpus.utterances[k] for k in repeated[0]]
        yield (
            f"{len(repeated)} utterances have the same features as an earlier one in every "
            f"modality, first {names[0]!r} as {names[1]!r}"
        )
