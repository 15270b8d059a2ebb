"""Encoders give what plain torch gives one utterance at a time, whatever stands beside it."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from merbench.features.observation import ObservedModality, State
from merbench.features.part import CorpusShape, ModalityShape
from merbench.methods.parts.encoders import (
    Encoder,
    Encoders,
    LstmEncoder,
    TextCnnEncoder,
    VectorEncoder,
    runs_of,
)
from tests.methods.world import ragged

LENGTHS = (1, 2, 3, 4, 5, 6, 17, 40, 1, 3, 60, 5, 12, 2, 33)


def sequences(lengths=LENGTHS, width=6):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(t, width, generator=generator) for t in lengths]


def plain_lstm(encoder: LstmEncoder, x: torch.Tensor) -> torch.Tensor:
    plain = nn.LSTM(x.shape[1], 128)
    plain.load_state_dict(encoder.lstm.state_dict())
    return plain(x)[0].max(0).values


def plain_text_cnn(encoder: TextCnnEncoder, x: torch.Tensor) -> torch.Tensor:
    """One text: windows as images of the whole width, a short text extended to each window."""
    pooled = []
    for k, convolution in zip((3, 4, 5), encoder.convolutions, strict=True):
        extended = torch.cat([x, torch.zeros(max(0, k - len(x)), x.shape[1])])
        kernel = convolution.weight.transpose(1, 2)[:, None]  # (128, 1, k, D)
        windows = functional.conv2d(extended[None, None], kernel, convolution.bias)
        pooled.append(windows.relu().amax((0, 2, 3)))
    return encoder.project(torch.cat(pooled)).relu()


def plain_vector(encoder: VectorEncoder, x: torch.Tensor) -> torch.Tensor:
    return encoder.second(encoder.first(x[0]).relu()).relu()


CASES = [
    pytest.param(LstmEncoder, plain_lstm, LENGTHS, id="sequence"),
    pytest.param(TextCnnEncoder, plain_text_cnn, LENGTHS, id="tokens"),
    pytest.param(VectorEncoder, plain_vector, (1,) * 7, id="vector"),
]


@pytest.mark.parametrize(("cls", "plain", "lengths"), CASES)
def test_every_utterance_is_encoded_as_if_it_were_alone(cls, plain, lengths) -> None:
    torch.manual_seed(0)
    encoder: Encoder = cls(6).eval()
    each = sequences(lengths)
    # Utterances in an order of their own, one of them read twice.
    rows = torch.tensor([*reversed(range(len(each))), 0])
    states = torch.zeros(len(rows), dtype=torch.int8)
    found = encoder(ObservedModality(ragged(*each), rows, states))
    expected = torch.stack([plain(encoder, each[row]) for row in rows])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("cls", "plain", "lengths"), CASES)
def test_every_utterance_gets_the_gradient_of_its_own_loss(cls, plain, lengths) -> None:
    torch.manual_seed(0)
    encoder: Encoder = cls(6).eval()
    each = [x.requires_grad_() for x in sequences(lengths)]
    weights = torch.randn(len(each), 128)
    states = torch.zeros(len(each), dtype=torch.int8)
    (
        encoder(ObservedModality(ragged(*each), torch.arange(len(each)), states)) * weights
    ).sum().backward()
    for x, weight in zip(each, weights, strict=True):
        copy = x.detach().clone().requires_grad_()
        (plain(encoder, copy) * weight).sum().backward()
        torch.testing.assert_close(x.grad, copy.grad, rtol=1e-4, atol=1e-5)


def test_a_shared_sequence_gets_dropout_of_its_own_for_every_utterance() -> None:
    torch.manual_seed(0)
    encoder = TextCnnEncoder(6).train()
    n = 20
    shared = ObservedModality(
        ragged(torch.randn(5, 6)), torch.zeros(n, dtype=torch.int64), torch.zeros(n)
    )
    assert len(encoder(shared).unique(dim=0)) == n
    assert len(encoder.eval()(shared).unique(dim=0)) == 1


def test_a_vector_modality_with_several_frames_is_refused() -> None:
    states = torch.full((1,), State.PRESENT, dtype=torch.int8)
    observed = ObservedModality(ragged(torch.zeros(2, 6)), torch.zeros(1, dtype=int), states)
    with pytest.raises(ValueError, match="exactly one frame"):
        VectorEncoder(6)(observed)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 9))
def test_runs_of_similar_length_cost_as_little_as_any(lengths, overhead) -> None:
    lengths.sort(reverse=True)
    runs = runs_of(lengths, overhead)
    assert [x for run in runs for x in lengths[run]] == lengths

    def cost(cuts: tuple[int, ...]) -> int:
        edges = [0, *cuts, len(lengths)]
        return sum(lengths[a] * (b - a + overhead) for a, b in itertools.pairwise(edges))

    inside = range(1, len(lengths))
    every = [c for k in range(len(lengths)) for c in itertools.combinations(inside, k)]
    assert cost(tuple(run.start for run in runs[1:])) == min(map(cost, every))


def test_modalities_may_have_any_name() -> None:
    names = ("values", "a.b", "training", "forward")
    shape = CorpusShape(tuple(ModalityShape(name, "vector", 3, 1) for name in names), 2)
    encoders = Encoders(shape).eval()
    states = torch.zeros(1, dtype=torch.int8)
    seen = ObservedModality(ragged(torch.ones(1, 3)), torch.zeros(1, dtype=int), states)
    assert len({encoders.encode(name, seen).sum().item() for name in names}) == len(names)
