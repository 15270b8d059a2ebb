"""What goes to a worker once for all its tasks: the protocol, and the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.mapped import MappedModality
from merbench.errors import CorpusError
from merbench.execution.protocol import Protocol

PIECE = 16 * 2**20


@dataclass(frozen=True)
class Parcel:
    """A run as a worker gets to know it: everything but the features.

    Attributes:
        token: tells the run from every other.
        outline: the protocol; its corpus has offsets and no values.
        files: of each modality's values, as the coordinator sees them.
        sizes: of these files, in bytes.
    """

    token: str
    outline: Protocol
    files: tuple[Path, ...]
    sizes: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Of the corpus."""
        return self.outline.corpus.fingerprint


@dataclass(frozen=True)
class Piece:
    """Some bytes of the features.

    Attributes:
        modality: its number.
        start: of the bytes in the modality's file.
        content: at most `PIECE` bytes.
    """

    modality: int
    start: int
    content: bytes


def parcel(token: str, protocol: Protocol) -> Parcel:
    """Take a protocol apart whose corpus lies in files (see `sharing.shared`)."""
    corpus = protocol.corpus
    mapped = [m for m in corpus.modalities if isinstance(m, MappedModality)]
    if len(mapped) < len(corpus.modalities):
        raise TypeError("the corpus does not lie in files")
    files = tuple(modality.values_file for modality in mapped)
    outlined = replace(corpus, modalities=tuple(map(_without_values, mapped)))
    # That of the whole; the outline's own would be another.
    vars(outlined)["fingerprint"] = corpus.fingerprint
    sizes = tuple(path.stat().st_size for path in files)
    return Parcel(token, replace(protocol, corpus=outlined), files, sizes)


def _without_values(modality: Modality) -> Modality:
    empty = np.empty((0, modality.width), np.float32)
    return Modality(modality.name, modality.kind, empty, np.asarray(modality.offsets))


def pieces(sent: Parcel) -> Iterator[Piece]:
    """Yield the features in pieces, so that no one holds them whole."""
    for number, path in enumerate(sent.files):
        with path.open("rb") as file:
            start = 0
            while content := file.read(PIECE):
                yield Piece(number, start, content)
                start += len(content)


def corpus_in(files: tuple[Path, ...], sent: Parcel, scratch: Path) -> Corpus | None:
    """Map a corpus whose values lie in files; None where they are not there or not the same.

    Args:
        files: of each modality's values.
        sent: says what the corpus should be.
        scratch: a folder of the worker's own, for the offsets.
    """
    outline = sent.outline.corpus
    try:
        modalities = []
        for number, (modality, path) in enumerate(zip(outline.modalities, files, strict=True)):
            offsets = scratch / f"{number}.offsets.npy"
            np.save(offsets, np.asarray(modality.offsets, "<i8"))
            modalities.append(MappedModality.open(modality.name, modality.kind, path, offsets))
        # A corpus without a fingerprint, so that it is taken from what was found.
        found = replace(outline, modalities=tuple(modalities))
        same = found.fingerprint == sent.fingerprint
    except (CorpusError, OSError):
        return None
    for each in modalities:
        each.release()
    return found if same else None
