import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.features.ragged import Ragged

CPU = torch.device("cpu")


@st.composite
def lists(draw, least=0):
    """Sequences as nested lists, some of them empty."""
    width = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(0, 5), min_size=least, max_size=8))
    numbers = iter(range(1, 10**6))
    return width, [
        [[float(next(numbers)) for _ in range(width)] for _ in range(t)] for t in lengths
    ]


def ragged(width, sequences):
    frames = [frame for sequence in sequences for frame in sequence]
    return Ragged(
        torch.tensor(frames).reshape(-1, width), torch.tensor([len(s) for s in sequences]).long()
    )


def as_lists(found):
    return [frames.tolist() for frames in torch.split(found.values, found.lengths.tolist())]


@settings(deadline=None)
@given(lists())
def test_row_position_and_start_of_every_frame(case):
    width, sequences = case
    found = ragged(width, sequences)
    places = [(row, t) for row, sequence in enumerate(sequences) for t in range(len(sequence))]
    assert list(zip(found.row.tolist(), found.position.tolist(), strict=True)) == places
    assert found.starts.tolist() == [
        sum(map(len, sequences[:row])) for row in range(len(sequences))
    ]
    assert (len(found), found.width) == (len(sequences), width)


@settings(deadline=None)
@given(lists(least=1), st.data())
def test_take_returns_the_rows_in_their_order_as_often_as_asked(case, data):
    width, sequences = case
    rows = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=12))
    found = ragged(width, sequences).take(torch.tensor(rows).long())
    assert as_lists(found) == [sequences[row] for row in rows]
    # What is taken can be taken from again.
    back = found.take(torch.arange(len(rows)).flip(0))
    assert as_lists(back) == [sequences[row] for row in reversed(rows)]


@settings(deadline=None)
@given(lists(), st.integers(1, 7))
def test_padded_puts_sequences_side_by_side_with_zeros_behind_them(case, at_least):
    width, sequences = case
    longest = max([at_least, *map(len, sequences)])
    padded = ragged(width, sequences).padded(at_least)
    nothing = [0.0] * width
    assert padded.values.tolist() == [s + [nothing] * (longest - len(s)) for s in sequences]
    assert padded.mask.tolist() == [
        [True] * len(s) + [False] * (longest - len(s)) for s in sequences
    ]


@settings(deadline=None)
@given(lists(least=1))
def test_padding_and_reading_back_by_the_mask_is_the_identity(case):
    found = ragged(*case)
    padded = found.padded()
    assert torch.equal(padded.values[padded.mask], found.values)


def test_concatenate_puts_lists_one_after_the_other():
    one, other = [[[1.0], [2.0]], []], [[[3.0]]]
    found = Ragged.concatenate([ragged(1, one), ragged(1, other)])
    assert as_lists(found) == one + other


def test_a_constant_is_one_sequence():
    found = Ragged.constant(2.5, 3, 2, CPU)
    assert as_lists(found) == [[[2.5, 2.5]] * 3]


def test_other_frames_keep_the_layout():
    found = ragged(1, [[[1.0]], [[2.0], [3.0]]])
    assert as_lists(found.with_values(-found.values)) == [[[-1.0]], [[-2.0], [-3.0]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_keeps_type_and_gradient(dtype):
    values = torch.tensor(np.arange(6).reshape(3, 2), dtype=dtype, requires_grad=True)
    padded = Ragged(values, torch.tensor([1, 2])).padded()
    assert padded.values.dtype == dtype
    padded.values.sum().backward()
    assert torch.equal(values.grad, torch.ones_like(values))
