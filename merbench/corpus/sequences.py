"""A modality from one array an utterance, as layouts with a file or dataset for each have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Kind, Modality
from merbench.corpus.problems import ProblemError, Problems
from merbench.errors import CorpusError

AnyArray = NDArray[Any]


def frames_of(entry: str, array: AnyArray) -> AnyArray:
    """Return an utterance's frames, (T, D); one vector (D,) is one frame.

    Raises:
        CorpusError: another shape, or no numbers.
    """
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise ProblemError("shape", f"{entry!r} has shape {array.shape}, expected (T, D)")
    if array.dtype.kind not in "fiu":
        raise ProblemError("shape", f"{entry!r} has type {array.dtype}, expected numbers")
    return array


def ragged(
    name: str,
    sequences: Sequence[AnyArray | None],
    utterances: Sequence[str],
    kind: Kind | None,
    problems: Problems,
) -> Modality:
    """Put the utterances' frames one after the other.

    Args:
        name: of the modality.
        sequences: N arrays of shape (T, D); None where natively absent.
        utterances: N ids.
        kind: inferred where not said.
        problems: told of every utterance whose width is not that of most.

    Raises:
        CorpusError: no utterance has the modality, or what `Modality.build` refuses.
    """
    widths = [None if s is None else s.shape[1] for s in sequences]
    common = Counter(width for width in widths if width is not None).most_common(1)
    if not common:
        raise ProblemError("no value", f"modality {name!r} has no value for any utterance")
    width = common[0][0]
    example = utterances[widths.index(width)]
    found: list[CorpusError] = [
        ProblemError("width", f"{utterance!r} has {other} columns, {example!r} has {width}")
        for utterance, other in zip(utterances, widths, strict=True)
        if other not in (None, width)
    ]
    problems.fail(found)
    whole = [np.empty((0, width), np.float32) if s is None else s for s in sequences]
    return Modality.build(
        name,
        np.concatenate(whole),
        np.concatenate([[0], np.cumsum([len(sequence) for sequence in whole])]),
        kind,
        utterances=utterances,
        problems=problems,
    )
