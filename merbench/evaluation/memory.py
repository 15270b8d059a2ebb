"""Memory that does not suffice: how it shows, and evaluating with less of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from merbench import seeds
from merbench.errors import CellError
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.predictions import Block
from merbench.methods.base import BlackBox, EncodeFuse, Method

# What torch says on a CPU is a plain RuntimeError.
_WORDS = ("can't allocate memory", "not enough memory", "std::bad_alloc")
_LEAST = 256


def ran_out(error: BaseException) -> bool:
    """Say whether an error means that memory did not suffice, on a GPU or beside it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def evaluate_as_fits(
    evaluator: GridEvaluator,
    method: Method,
    predictor: EncodeFuse | BlackBox,
    key: tuple[seeds.Part, ...],
    keep: Callable[[Block], None],
    make_room: Callable[[], bool] = lambda: False,
) -> int:
    """Evaluate with the usual batch, or with the half, quarter, ... that memory suffices for.

    After each failure all begins again, so that what is found depends on the batch alone, and on
    nothing that happened before.

    Args:
        evaluator: of the fold.
        method: how absent and noised modalities are to be shown.
        predictor: the trained network, or the trained black box itself.
        key: fold and seed.
        keep: is given each block of predictions; again from the first after each failure.
        make_room: gives back what others hold, and says whether that was anything.

    Returns:
        The share of the usual batch: one part in so many.

    Raises:
        CellError: no batch is small enough.
    """
    share = 1
    while not _fits(evaluator, method, predictor, key, keep):
        if make_room():
            continue
        # A black box is shown one condition at a time already.
        if isinstance(predictor, BlackBox) or share >= _LEAST:
            raise CellError("evaluation does not fit into memory, however small its batch")
        share *= 2
        # What was drawn would be in the way; it is drawn again, and equal.
        evaluator.forget()
        evaluator = replace(evaluator, share=share)
    if share > 1:
        evaluator.forget()
    return share


def _fits(
    evaluator: GridEvaluator,
    method: Method,
    predictor: EncodeFuse | BlackBox,
    key: tuple[seeds.Part, ...],
    keep: Callable[[Block], None],
) -> bool:
    try:
        for block in evaluator.blocks(method, predictor, key):
            keep(block)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        return False
    return True
