"""What is in a corpus: the facts `merbench data describe` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.errors import CorpusError

SCHEMES = {
    "speaker": FoldsConfig(scheme="speaker"),
    "session": FoldsConfig(scheme="session"),
    "group_kfold by speaker": FoldsConfig(scheme="group_kfold", by="speaker"),
    "group_kfold by dialogue": FoldsConfig(scheme="group_kfold", by="dialogue"),
    "group_kfold by utterance": FoldsConfig(scheme="group_kfold", by="utterance"),
    "predefined": FoldsConfig(scheme="predefined"),
}


@dataclass(frozen=True)
class ModalityFacts:
    """One modality.

    Attributes:
        name: of the modality.
        kind: `vector`, `tokens` or `sequence`.
        width: raw feature columns.
        shortest: frames of the shortest utterance that has it; likewise `longest`.
        mean_length: frames of an utterance that has it, on average.
        nan_cells: single values that are NaN (a fold replaces them by its training mean).
        nan_columns: columns in which some value is NaN.
        absent: utterances that lack the modality altogether.
        constant_columns: columns with one value at most in the whole corpus (a fold drops them).
    """

    name: str
    kind: Kind
    width: int
    shortest: int
    mean_length: float
    longest: int
    nan_cells: int
    nan_columns: int
    absent: int
    constant_columns: int


@dataclass(frozen=True)
class SchemeFacts:
    """One fold scheme: how many folds it makes, or why it cannot."""

    scheme: str
    folds: int
    refused: str | None


@dataclass(frozen=True)
class CorpusFacts:
    """A corpus.

    Attributes:
        name: of the corpus.
        fingerprint: sha256 of everything that can change a result.
        utterances: how many.
        classes: utterances of each class, in class order.
        groups: how many speakers, sessions and dialogues, where known.
        modalities: in corpus order.
        schemes: every fold scheme, possible or not.
    """

    name: str
    fingerprint: str
    utterances: int
    classes: dict[str, int]
    groups: dict[str, int]
    modalities: tuple[ModalityFacts, ...]
    schemes: tuple[SchemeFacts, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON has them."""
        return asdict(self)


def describe(corpus: Corpus) -> CorpusFacts:
    """Gather the facts of a corpus."""
    counts = np.bincount(corpus.labels, minlength=len(corpus.classes)).tolist()
    return CorpusFacts(
        corpus.name,
        corpus.fingerprint,
        len(corpus),
        dict(zip(corpus.classes, counts, strict=True)),
        {name: len(np.unique(column)) for name, column in corpus.groups.items()},
        tuple(describe_modality(modality) for modality in corpus.modalities),
        tuple(_scheme_facts(corpus, name, config) for name, config in SCHEMES.items()),
    )


def describe_modality(modality: Modality) -> ModalityFacts:
    """Gather the facts of a modality."""
    lengths = modality.lengths[~modality.absent]
    nan = np.isnan(modality.values)
    lowest = np.fmin.reduce(modality.values, axis=0)
    highest = np.fmax.reduce(modality.values, axis=0)
    varies = highest > lowest
    return ModalityFacts(
        modality.name,
        modality.kind,
        modality.width,
        int(lengths.min()),
        float(lengths.mean()),
        int(lengths.max()),
        int(nan.sum()),
        int(nan.any(axis=0).sum()),
        int(modality.absent.sum()),
        int((~varies).sum()),
    )


def _scheme_facts(corpus: Corpus, name: str, config: FoldsConfig) -> SchemeFacts:
    try:
        return SchemeFacts(name, len(make_folds(corpus, config)), None)
    except CorpusError as error:
        return SchemeFacts(name, 0, str(error).removeprefix("folds: "))
