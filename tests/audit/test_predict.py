"""Predictions are made in surroundings that are known, and leave none behind."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from merbench.audit.predict import Apart, PaddedRagged, surroundings
from merbench.features.ragged import Ragged


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_surroundings_seed_every_generator_and_restore_it() -> None:
    with surroundings(7):
        before = drawn()
    with surroundings(1):
        outer = drawn()
        with surroundings(7):
            assert drawn() == before
        inner = drawn()
    with surroundings(1):
        assert drawn() == outer
        assert drawn() == inner
    assert before != outer


def test_more_padding_changes_the_padded_form_and_nothing_else() -> None:
    plain = Ragged(torch.arange(12.0).view(6, 2), torch.tensor([1, 3, 2]))
    longer = PaddedRagged(plain.values, plain.lengths, 9)
    assert longer.padded().values.shape == (3, 9, 2)
    assert torch.equal(longer.padded().values[:, :3], plain.padded().values)
    assert not longer.padded().mask[:, 3:].any()
    some = longer.take(torch.tensor([2, 0]))
    assert torch.equal(some.values, plain.take(torch.tensor([2, 0])).values)
    assert some.padded().values.shape == (2, 9, 2)
    assert longer.with_values(-plain.values).padded(11).values.shape == (3, 11, 2)


def test_apart_counts_flips_and_takes_what_is_not_finite_for_far_away() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 3.0], [5.0, 1.0]])
    other = torch.tensor([[1.0, 0.0], [4.0, 3.0], [5.0, 1.0]])
    found = Apart.of(one, other)
    assert (found.rows, found.flips, found.most) == (3, 1, pytest.approx(4 / 5))
    assert found.differs
    assert not Apart.of(one, one + 1e-6).differs
    assert Apart.of(one, one.clone().fill_(torch.nan)).most == torch.inf
    both = found + Apart.of(one, one)
    assert (both.rows, both.flips, both.share) == (6, 1, 1 / 6)
