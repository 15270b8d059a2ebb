"""Counting arithmetic: against torch's own counter, and against published figures of the loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from merbench.methods.parts.encoders import TextCnnEncoder
from merbench.methods.parts.imagination import Cascade
from merbench.methods.parts.vae import ConditionalVae
from tests.benchmarks.flops import Cost, dense, encoder, layers, lstm, parts_of, text_cnn
from tests.benchmarks.plain_networks import ConvText
from tests.methods.world import PUBLISHED_SHAPE, make_stages

# An epoch of 4446 utterances: audio padded to 207 of 45 frames, visual 50, text 22.
UTTERANCES = 4446
PADDED = {"audio": 207, "visual": 50, "text": 22}
OWN = {"audio": 45, "visual": 50, "text": 22}


def counted(module: nn.Module, values: torch.Tensor, backward: bool) -> int:
    with FlopCounterMode(display=False) as counter:
        out = module(values)
        if backward:
            out.sum().backward()
    return counter.get_total_flops()


def encoders(frames: dict[str, int]) -> Cost:
    return sum(
        (encoder(m, frames[m.name]) for m in PUBLISHED_SHAPE.modalities), Cost(0.0, 0.0)
    )  # fmt: skip


def test_text_cnns_cost_what_torch_counts() -> None:
    plain = ConvText(TextCnnEncoder(64))
    cost = text_cnn(64, 22)
    assert cost.forward == counted(plain, torch.randn(1, 22, 64), backward=False)
    assert cost.training == counted(plain, torch.randn(1, 22, 64), backward=True)


def test_lstms_cost_what_their_products_cost_step_by_step() -> None:
    inputs, frames = 10, 7
    cell = nn.LSTMCell(inputs, 128)

    class Steps(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            state = None
            for frame in values:
                state = cell(frame[None], state)
            return state[0]

    assert lstm(inputs, frames).forward == counted(Steps(), torch.randn(frames, inputs), False)
    # The first step's state and the first step's inputs need no gradient.
    counted_too = counted(Steps(), torch.randn(frames, inputs), True)
    assert counted_too == pytest.approx(lstm(inputs, frames).training, rel=0.1)


def test_dense_parts_cost_what_torch_counts() -> None:
    cascade = Cascade(384)
    h = torch.randn(1, 384, requires_grad=True)

    class Reconstruction(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return cascade(values).reconstruction

    assert layers(cascade) == counted(Reconstruction(), h, False)
    assert dense(layers(cascade)).training == counted(Reconstruction(), h, True)
    parts = parts_of(make_stages("mmin")[1].build(PUBLISHED_SHAPE))
    assert parts.predict + parts.train_only - layers(cascade) < 2.0 * (1_694_400 + 60_000)


def test_the_keys_and_queries_of_one_token_are_inert() -> None:
    parts = parts_of(make_stages("nmer")[1].build(PUBLISHED_SHAPE))
    assert parts.inert == 2 * 5 * 2 * 768 * 768
    assert parts.encoders == 2
    vae = ConditionalVae(384)
    assert parts.inert / layers(vae) == pytest.approx(0.45, abs=0.02)


@pytest.mark.parametrize(
    ("name", "passes", "gflop"), [("mmin", 1, 2080), ("if_mmin", 2, 2667), ("nmer", 1, 4302)]
)
def test_the_released_loops_do_the_arithmetic_that_was_measured(name, passes, gflop) -> None:
    parts = parts_of(make_stages(name)[1].build(PUBLISHED_SHAPE))
    both = encoders(PADDED)
    above = dense(parts.invariant + parts.predict + parts.train_only)
    step = (both.training + passes * both.forward) * parts.encoders + above.training
    assert step * UTTERANCES * 1e-9 == pytest.approx(gflop, rel=0.04)


@pytest.mark.parametrize(
    ("name", "shown", "seconds"), [("mmin", 0.5, 1.6), ("if_mmin", 0.5, 1.5), ("nmer", 1.0, 6.4)]
)
def test_the_floors_are_those_that_were_published(name, shown, seconds) -> None:
    parts = parts_of(make_stages(name)[1].build(PUBLISHED_SHAPE))
    above = dense(parts.invariant + parts.predict + parts.train_only)
    step = encoders(OWN).training * parts.encoders * shown + above.training
    assert step * UTTERANCES * 1e-9 / 335 == pytest.approx(seconds, rel=0.06)
