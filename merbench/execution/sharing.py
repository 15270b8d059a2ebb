"""One copy of a corpus for all worker processes of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from merbench.corpus.corpus import Corpus
from merbench.corpus.mapped import MappedModality
from merbench.execution.protocol import Protocol
from merbench.store.folders import draft_folder
from merbench.store.writing import writing


@contextmanager
def shared(protocol: Protocol, root: Path) -> Iterator[Protocol]:
    """Give a protocol whose corpus goes to another process as paths, not as features.

    A native corpus is mapped already. Another one lies in the run directory for as long as the
    block lasts; what a killed run leaves of it, the next one removes.

    Args:
        protocol: what tasks share.
        root: the run directory.

    Raises:
        StorageError: the disk is full or closed to us.
    """
    corpus = protocol.corpus
    if all(isinstance(modality, MappedModality) for modality in corpus.modalities):
        yield protocol
        return
    with draft_folder(root) as folder:
        with writing(root):
            mapped = _mapped(corpus, folder)
        yield replace(protocol, corpus=mapped)


def _mapped(corpus: Corpus, folder: Path) -> Corpus:
    modalities = []
    for number, modality in enumerate(corpus.modalities):
        values, offsets = folder / f"{number}.npy", folder / f"{number}.offsets.npy"
        np.save(values, np.asarray(modality.values, "<f4"))
        np.save(offsets, np.asarray(modality.offsets, "<i8"))
        modalities.append(MappedModality.open(modality.name, modality.kind, values, offsets))
    mapped = replace(corpus, modalities=tuple(modalities))
    # The same bytes: workers need not hash them again.
    vars(mapped)["fingerprint"] = corpus.fingerprint
    return mapped
