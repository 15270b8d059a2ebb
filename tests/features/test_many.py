"""Sequences of many networks: what lies where, and what is read from a pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merbench.features.many import ManySequences, Pool, begins, distinct, spans
from merbench.features.ragged import Ragged

CPU = torch.device("cpu")


def ragged(*lengths: int, first: float = 0.0) -> Ragged:
    """Sequences of frames that count up, two numbers a frame."""
    values = first + torch.arange(2.0 * sum(lengths)).view(-1, 2)
    return Ragged(values, torch.tensor(lengths))


def test_spans_run_from_each_first_place_for_their_lengths() -> None:
    found = spans(np.array([7, 0, 3]), np.array([2, 0, 3]), CPU)
    assert found.tolist() == [7, 8, 3, 4, 5]


def test_lists_given_twice_lie_in_the_pool_once() -> None:
    one, other = ragged(1, 2), ragged(3)
    assert begins([one, other, one]) == [0, 2, 3]
    assert distinct([other, one, other, one]) == ([other, one], [0, 1, 0, 1])


def test_a_pool_of_one_list_is_not_a_copy() -> None:
    only = ragged(2, 1)
    assert Pool.of([only]).sequences is only


@pytest.mark.parametrize("lists", [[ragged(3, 0, 1, 2)], [ragged(3, 0), ragged(1, 2, first=6.0)]])
def test_what_is_taken_from_a_pool_is_what_its_lists_hold(lists) -> None:
    pool, whole = Pool.of(lists), ragged(3, 0, 1, 2)
    rows = np.array([[3, 0, 2], [0, -1, -1]])
    found = pool.take(rows)
    assert found.lengths.tolist() == [[2, 3, 1], [3, 0, 0]]
    assert found.starts.tolist() == [[0, 2, 5], [6, 9, 9]]
    expected = torch.cat([whole.take(torch.tensor([3, 0, 2])).values, whole.values[:3]])
    assert torch.equal(found.values, expected)
    found.values.zero_()
    assert torch.equal(torch.cat([each.values for each in lists]), whole.values)


def test_room_is_left_for_sequences_that_are_none_of_the_pools() -> None:
    found = Pool.of([ragged(1)]).take(np.array([[0, -1]]), np.array([[1, 4]]))
    assert found.starts.tolist() == [[0, 1]]
    assert found.values.shape == (5, 2)
    # A pool may have no frame at all.
    assert Pool.of([ragged(0)]).take(np.array([[-1]]), np.array([[3]])).values.shape == (3, 2)


@pytest.mark.parametrize("lengths", [[[2, 1], [3, 0]], [[3, 3], [3, 3]], [[1, 1], [1, 1]]])
@pytest.mark.parametrize("at_least", [1, 5])
def test_padding_puts_zeros_behind_each_sequence(lengths, at_least) -> None:
    total = int(np.sum(lengths))
    many = ManySequences(1 + torch.arange(2.0 * total).view(-1, 2), np.array(lengths))
    padded = many.padded(at_least)
    assert padded.shape == (2, 2, max(at_least, int(np.max(lengths))), 2)
    first = 0
    for sequence, length in zip(padded.flatten(0, 1), np.ravel(lengths), strict=True):
        assert torch.equal(sequence[:length], many.values[first : first + length])
        assert not sequence[length:].any()
        first += length


def test_frames_are_laid_out_step_by_step_and_once() -> None:
    many = ManySequences(torch.arange(12.0).view(-1, 2), np.array([[1, 2], [3, 0]]))
    steps = many.steps
    assert many.steps is steps
    assert steps.sizes == [2, 1, 1]
    assert steps.column.tolist() == [0, 1, 0, 0]
    assert steps.there.tolist() == [[True, True, True, False], [True, False, True, True]]
    assert steps.values[..., 0].tolist() == [[2, 0, 4, 0], [6, 0, 8, 10]]
    assert steps.order.tolist() == [[1, 0], [0, 1]]


def test_a_pool_may_hold_no_sequence() -> None:
    assert Pool.of([ragged()]).take(np.array([[-1]]), np.array([[3]])).values.shape == (3, 2)
