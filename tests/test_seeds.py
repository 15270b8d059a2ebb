import hashlib
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merbench import seeds

keys = st.lists(st.integers() | st.text(max_size=3), max_size=4)


@given(keys, keys)
def test_two_keys_share_a_digest_only_where_they_are_the_same(one, other):
    assert (seeds.digest(*one) == seeds.digest(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("b", "a")), (("ab",), ("a", "b")), ((1,), ("1",)), ((), ("",))],
)
def test_order_boundaries_and_types_of_the_parts_count(one, other):
    assert seeds.digest(*one) != seeds.digest(*other)


def test_a_numpy_number_is_refused_instead_of_being_another_key():
    with pytest.raises(TypeError):
        seeds.digest(np.int64(3))


@given(keys)
def test_the_stream_is_philox_keyed_by_the_first_sixteen_bytes_of_the_hash(key):
    sha = hashlib.sha256(json.dumps(key).encode()).digest()
    oracle = np.random.Generator(np.random.Philox(key=int.from_bytes(sha[:16], "little")))
    assert np.array_equal(seeds.generator(*key).random(5), oracle.random(5))


def test_a_stream_starts_anew_each_time_and_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what must not move
    assert np.array_equal(seeds.generator("x", 1).random(9), seeds.generator("x", 1).random(9))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@given(keys)
def test_torch_seeds_fit_into_63_bits(key):
    assert 0 <= seeds.torch_seed(*key) < 2**63


def test_torch_streams_depend_on_the_key_alone():
    def draw(*key):
        return torch.rand(4, generator=seeds.torch_generator("cpu", *key))

    torch.manual_seed(1)
    first = draw("a", 1)
    torch.manual_seed(2)
    assert torch.equal(first, draw("a", 1))
    assert not torch.equal(first, draw("a", 2))


def test_a_scope_seeds_the_global_generator_and_puts_it_back():
    cpu = torch.device("cpu")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeds.torch_scope(cpu, "stage", 0):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with seeds.torch_scope(cpu, "stage", 0):
        assert torch.equal(torch.rand(3), inside)
    with seeds.torch_scope(cpu, "stage", 1):
        assert not torch.equal(torch.rand(3), inside)


def test_a_scope_puts_the_generator_back_after_an_error_too():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="stop"), seeds.torch_scope(torch.device("cpu"), "x"):
        torch.rand(3)
        raise RuntimeError("stop")
    assert torch.equal(torch.random.get_rng_state(), before)
