"""Two trainings side by side, as `--jobs 2` has them: processes of one thread each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context

import torch

from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, Text, make_corpus, make_fold
from tests.benchmarks.ours import OurEpoch, make_method, train

JOBS = 2
Train = Callable[[str, int], OurEpoch]


@contextmanager
def side_by_side(sizes: Sizes, text: Text) -> Iterator[Train]:
    """Start processes, and yield what trains a stage of a method in all of them at once.

    It returns the seconds of one training: its share of what the slowest process took.
    """
    with ProcessPoolExecutor(JOBS, get_context("spawn"), torch.set_num_threads, (1,)) as pool:

        def train_in_all(method: str, number: int) -> OurEpoch:
            ends = [pool.submit(_train, sizes, text, method, number) for _ in range(JOBS)]
            found = [end.result() for end in ends]
            slowest, once = max(f.epoch for f in found), max(f.once for f in found)
            return OurEpoch(slowest / JOBS, once / JOBS)

        yield train_in_all


def _train(sizes: Sizes, text: Text, method: str, number: int) -> OurEpoch:
    fold = _fold(sizes, text)
    return train(make_method(method, fold), number, fold)


@cache
def _fold(sizes: Sizes, text: Text) -> PreparedFold:
    return make_fold(make_corpus(sizes.total, text), sizes)
