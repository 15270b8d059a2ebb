"""Sizes at the published widths: methods.md's counts, from the papers and their code."""

from __future__ import annotations

import pytest

from merbench.methods.base import trainable_parameters
from merbench.methods.parts.encoders import LstmEncoder, TextCnnEncoder
from merbench.methods.parts.imagination import Cascade
from merbench.methods.parts.invariant import InvariantEncoder
from merbench.methods.parts.layers import Classifier
from merbench.methods.parts.vae import ConditionalVae
from tests.methods.world import PUBLISHED_SHAPE, make_stages

ENCODERS = 133_120 + 241_664 + 1_622_528


@pytest.mark.parametrize(
    ("part", "count"),
    [
        pytest.param(lambda: LstmEncoder(130), 133_120, id="audio LSTM"),
        pytest.param(lambda: LstmEncoder(342), 241_664, id="visual LSTM"),
        pytest.param(lambda: TextCnnEncoder(1024), 1_622_528, id="TextCNN"),
        pytest.param(lambda: Cascade(384), 1_694_400, id="cascade"),
        pytest.param(InvariantEncoder, 33_024, id="invariant encoder"),
        pytest.param(lambda: Classifier(320, 4, 0.5), 58_116, id="classifier on the code"),
        pytest.param(lambda: Classifier(384, 4, 0.1, True), 66_820, id="NMER's classifier"),
        pytest.param(lambda: ConditionalVae(384).transformer, 12_814_720, id="transformer"),
        pytest.param(lambda: ConditionalVae(384).decoder, 107_008, id="decoder"),
    ],
)
def test_a_part_has_the_published_number_of_parameters(part, count) -> None:
    assert trainable_parameters(part()) == count


def test_the_vaes_two_heads_have_the_published_number_of_parameters() -> None:
    vae = ConditionalVae(384)
    assert sum(map(trainable_parameters, (vae.mean, vae.log_variance))) == 98_432


@pytest.mark.parametrize(
    ("method", "count"),
    [
        ("zero_fill", ENCODERS + 384 * 128 + 128 + 128 * 128 + 128 + 128 * 4 + 4),
        ("mmin", ENCODERS + 2 * 1_694_400 + 58_116),
        ("if_mmin", ENCODERS + 33_024 + 1_694_400 + 58_116),
        ("nmer", 2 * ENCODERS + 33_024 + 12_814_720 + 98_432 + 107_008 + 66_820),
    ],
)
def test_a_method_is_made_of_its_published_parts(method, count) -> None:
    network = make_stages(method)[-1].build(PUBLISHED_SHAPE)
    assert trainable_parameters(network) == count


def test_nmer_trains_17_million_parameters_13_of_them_in_its_vae() -> None:
    network = make_stages("nmer")[-1].build(PUBLISHED_SHAPE)
    assert round(trainable_parameters(network) / 1e6, 1) == 17.1
    assert round(trainable_parameters(network.vae) / 1e6, 1) == 13.0
