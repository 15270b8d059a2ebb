"""The central moment discrepancy, and its gradient where the plain norm has none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.methods.parts.invariant import cmd, mean_pairwise_cmd
from tests.methods import oracle


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(1, 9), st.floats(0.01, 4), st.integers(0, 10**6))
def test_cmd_is_the_sum_of_distances_of_five_moments(n, width, scale, seed) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, width)), scale * rng.exponential(size=(n, width))
    found = cmd(torch.from_numpy(x), torch.from_numpy(y))
    assert found.item() == pytest.approx(oracle.cmd(x, y), rel=1e-9)


def test_cmd_of_two_points_masses_is_their_distance() -> None:
    x = torch.tensor([[0.0, 0.0]]).expand(6, 2)
    y = torch.tensor([[3.0, 4.0]]).expand(6, 2)
    assert cmd(x, y) == pytest.approx(5)


def test_cmd_sees_a_difference_in_spread_alone() -> None:
    # Means agree; of -1, 1 against -2, 2 the even central moments are 1, 1 and 4, 16.
    x, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([[-2.0], [2.0]])
    assert cmd(x, y) == pytest.approx(3 + 15)


@pytest.mark.parametrize("n", [1, 7])
def test_equal_moments_have_no_discrepancy_and_a_gradient_of_zero(n) -> None:
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = x.detach().clone().requires_grad_()
    discrepancy = cmd(x, y)
    discrepancy.backward()
    assert discrepancy == 0
    assert not x.grad.any()
    assert not y.grad.any()


def test_a_batch_of_one_gives_the_distance_and_a_finite_gradient() -> None:
    x = torch.tensor([[3.0, 0.0]], requires_grad=True)
    y = torch.tensor([[0.0, 4.0]], requires_grad=True)
    discrepancy = cmd(x, y)
    discrepancy.backward()
    assert discrepancy.item() == pytest.approx(5)
    torch.testing.assert_close(x.grad, torch.tensor([[0.6, -0.8]]))
    torch.testing.assert_close(y.grad, torch.tensor([[-0.6, 0.8]]))


def test_the_gradient_is_that_of_the_plain_formula_elsewhere() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cmd, (x, y))


def test_three_modalities_are_compared_in_three_pairs() -> None:
    features = [torch.randn(5, 4, dtype=torch.float64) for _ in range(3)]
    pairs = [oracle.cmd(x.numpy(), y.numpy()) for x, y in itertools.combinations(features, 2)]
    assert len(pairs) == 3
    assert mean_pairwise_cmd(features).item() == pytest.approx(np.mean(pairs))
