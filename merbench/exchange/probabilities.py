"""Class probabilities of predictions made elsewhere, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from merbench.exchange.rows import Block

# Half floats of some classes add up to 1 within this.
SUM_TOLERANCE = 0.01
# Half precision rounds so much away: classes this near are equally probable.
TIE = 1e-3


class Note(Protocol):
    """Notes the wrong rows of a block."""

    def __call__(
        self,
        block: Block,
        column: str,
        wrong: NDArray[np.bool_],
        explain: Explain,
        kind: str = "",
    ) -> None:
        """Note rows; `explain` gets a position within the block."""


class Explain(Protocol):
    """Says what is wrong with a row."""

    def __call__(self, row: int, /) -> str:
        """Return what was found and what was expected."""


def read_probabilities(
    block: Block,
    columns: Sequence[str],
    predictions: NDArray[np.int64],
    classes: Sequence[str],
    note: Note,
) -> NDArray[np.float16] | None:
    """Return (n, C) probabilities, None where the block has none at all.

    A prediction must be a most probable class; classes within `TIE` of the most probable one are.

    Args:
        block: some rows.
        columns: C names; none where the file has no probabilities.
        predictions: (n,) classes, -1 where not known.
        classes: C names.
        note: is told what is wrong.
    """
    if not columns:
        return None
    values = np.stack([block.numbers(name) for name in columns], 1)
    if np.isnan(values).all() and all(block.is_empty(name) for name in columns):
        return None  # as in a run's own table, for a method that gives no probabilities
    for k, name in enumerate(columns):
        _note_column(block, name, values[:, k], note)
    with np.errstate(invalid="ignore"):
        sound: NDArray[np.bool_] = np.all((values >= 0) & (values <= 1), axis=1)
    sums: NDArray[np.float64] = np.sum(values, axis=1)
    listed = f"{columns[0]} to {columns[-1]}"
    note(
        block,
        "",
        sound & (np.abs(np.where(sound, sums, 1.0) - 1) > SUM_TOLERANCE),
        lambda row: f"{listed} add up to {sums[row]:.4g}; expected 1 within {SUM_TOLERANCE:g}",
        kind="sum",
    )
    ordered = np.where(sound[:, None], values, 0.0)
    best: NDArray[np.int64] = np.argmax(ordered, axis=1)
    said = np.take_along_axis(ordered, np.maximum(predictions, 0)[:, None], 1)[:, 0]
    note(
        block,
        "prediction",
        sound & (predictions >= 0) & (said < ordered.max(1) - TIE),
        lambda row: (
            f"{classes[int(predictions[row])]!r} has probability {said[row]:.4g}; expected the "
            f"most probable class, {classes[int(best[row])]!r} with {ordered[row].max():.4g}"
        ),
        kind="most probable",
    )
    with np.errstate(over="ignore"):
        return values.astype(np.float16)


def _note_column(block: Block, name: str, values: NDArray[np.float64], note: Note) -> None:
    unknown = np.isnan(values)
    note(
        block,
        name,
        unknown,
        lambda row: f"found {block.text(name)[row].as_py()!r}; expected a number from 0 to 1",
    )
    note(
        block,
        name,
        ~unknown & ((values < 0) | (values > 1)),
        lambda row: f"found {values[row]:g}; expected a number from 0 to 1",
        kind=f"{name} out of range",
    )
