"""Two trainings side by side, as `--jobs 2` has them: processes of one thread each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import torch

from merbench.execution.prepare import PreparedFold
from tests.benchmarks.fold import Sizes, Text, make_corpus, make_fold
from tests.benchmarks.ours import OurEpoch, make_method, train

JOBS = 2
_folds: list[PreparedFold] = []


class SideBySide:
    """Trains in all processes of a pool at once, on folds of one size."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def train(self, method: str, number: int) -> OurEpoch:
        """Train a stage in each process; return seconds for one training of them.

        They work at the same time, so that each takes a share of the slowest one's time.
        """
        ends = [self._pool.submit(_train, method, number) for _ in range(JOBS)]
        found = [end.result() for end in ends]
        slowest, once = max(f.epoch for f in found), max(f.once for f in found)
        return OurEpoch(slowest / JOBS, once / JOBS)


@contextmanager
def side_by_side(sizes: Sizes, text: Text) -> Iterator[SideBySide]:
    """Start the processes, and end them."""
    with ProcessPoolExecutor(JOBS, get_context("spawn"), _prepare, (sizes, text)) as pool:
        yield SideBySide(pool)


def _prepare(sizes: Sizes, text: Text) -> None:
    torch.set_num_threads(1)
    _folds.append(make_fold(make_corpus(sizes.total, text), sizes))


def _train(method: str, number: int) -> OurEpoch:
    (fold,) = _folds
    return train(make_method(method, fold), number, fold)
