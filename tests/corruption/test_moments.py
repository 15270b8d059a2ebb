"""Additive noise against closed forms."""

import math

import numpy as np
import pytest
import torch

from merbench.corruption.schedule import SCHEDULES
from merbench.features.ragged import Ragged
from tests.corpora import CPU, Stream, clean_part, corruptor, everyone, make_corpus, noise
from tests.corruption.test_schedule import SCHEDULED, abar

N = 300
LARGE = corruptor(make_corpus(N, streams=(Stream("audio", 20, 60), Stream("text", 8, 12))))
LEVELS = (1, 11, 31, 51, 100)


def noise_of(name, **options):
    """Return e, (F, 20): some 180 000 numbers."""
    damage = LARGE.damage(noise(name, **options), 0, everyone(LARGE.corpus), 0, CPU)
    return damage.tensors()[0].double()


def within(found, expected, sd, n):
    """Compare a mean of n numbers of this spread with what it should be: five standard errors."""
    return abs(float(found) - expected) < 5 * sd / math.sqrt(n)


def test_gaussian_noise_has_the_moments_of_n_0_1():
    e = noise_of("gaussian")
    n = e.numel()
    assert n > 100_000
    # The spread of e^k is sqrt(m_2k - m_k^2), with m_2, m_4, m_6, m_8 = 1, 3, 15, 105.
    assert within(e.mean(), 0, 1, n)
    assert within(e.pow(2).mean(), 1, math.sqrt(3 - 1), n)
    assert within(e.pow(3).mean(), 0, math.sqrt(15), n)
    assert within(e.pow(4).mean(), 3, math.sqrt(105 - 9), n)


@pytest.mark.parametrize(("raw", "size"), [(False, 0.3**-0.5), (True, 1.0)])
def test_impulses_are_three_in_ten_of_one_size_and_either_sign(raw, size):
    e = noise_of("impulse", raw=raw)
    n = e.numel()
    values = e.unique().tolist()
    np.testing.assert_allclose(values, [-size, 0, size], rtol=1e-6)
    spread = math.sqrt(0.3 * 0.7)
    assert within((e != 0).double().mean(), 0.3, spread, n)
    assert within(e.sign().mean(), 0, math.sqrt(0.3), n)
    assert within(e.pow(2).mean(), 0.3 * size**2, spread * size**2, n)


def test_raw_impulses_carry_5_2_decibel_less_power():
    gain = noise_of("impulse").pow(2).mean() / noise_of("impulse", raw=True).pow(2).mean()
    assert 10 * math.log10(gain) == pytest.approx(10 * math.log10(1 / 0.3), abs=1e-6)


@pytest.mark.parametrize("name", ["gaussian", "impulse"])
def test_features_and_frames_are_hit_independently(name):
    e = noise_of(name)
    n = len(e)
    across = np.corrcoef(e.numpy(), rowvar=False)
    assert np.abs(across - np.eye(20)).max() < 5 / math.sqrt(n)
    size = np.abs(e.numpy())
    assert np.abs(np.corrcoef(size, rowvar=False) - np.eye(20)).max() < 5 / math.sqrt(n)
    in_time = (e[1:] * e[:-1]).mean()
    assert within(in_time, 0, 1, e[1:].numel())


def test_babble_has_unit_power_in_every_utterance():
    e = noise_of("babble")
    row = clean_part(LARGE).features["audio"].row
    power = torch.zeros(N, dtype=torch.float64).index_add(0, row, e.pow(2).mean(1))
    power /= torch.bincount(row)
    torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-5, atol=0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("name", "options"),
    [("gaussian", {}), ("impulse", {}), ("impulse", {"raw": True}), ("babble", {})],
)
def test_a_constant_signal_comes_out_with_the_mean_and_power_of_the_forward_process(
    name, options, schedule
):
    kind = noise(name, schedule=schedule, **options)
    damage = LARGE.damage(kind, 0, everyone(LARGE.corpus), 0, CPU)
    (e,) = damage.tensors()
    lengths = torch.from_numpy(LARGE.corpus.modalities[0].lengths)
    ones = Ragged(torch.ones_like(e), lengths)
    m1, m2 = float(e.double().mean()), float(e.double().pow(2).mean())
    for level in LEVELS:
        left = abar(schedule, level)
        out = damage.apply(ones, kind.at_level(level)).double()
        mean = math.sqrt(left) + math.sqrt(1 - left) * m1
        power = left + (1 - left) * m2 + 2 * math.sqrt(left * (1 - left)) * m1
        assert float(out.mean()) == pytest.approx(mean, abs=1e-5)
        assert float(out.pow(2).mean()) == pytest.approx(power, abs=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("name", "variance", "fourth"), [("gaussian", 1.0, 3.0), ("impulse", 1.0, 1 / 0.3)]
)
def test_noised_features_keep_unit_variance_and_lose_correlation_with_the_clean_ones(
    name, variance, fourth, schedule
):
    kind = noise(name, schedule=schedule)
    clean = clean_part(LARGE).features["audio"]
    damage = LARGE.damage(kind, 0, everyone(LARGE.corpus), 0, CPU)
    x = clean.values.double()
    n, kurtosis = x.numel(), float(x.pow(4).mean())
    for level in LEVELS:
        left = abar(schedule, level)
        out = damage.apply(clean, kind.at_level(level)).double()
        # Var(out^2) for independent x and e of unit variance.
        spread = (
            left**2 * (kurtosis - 1)
            + (1 - left) ** 2 * (fourth - variance**2)
            + 4 * left * (1 - left)
        )
        assert within(out.pow(2).mean(), left + (1 - left) * variance, math.sqrt(spread), n)
        cross = left * (kurtosis - 1) + (1 - left)
        assert within((out * x).mean(), math.sqrt(left), math.sqrt(cross), n)


@pytest.mark.parametrize("name", SCHEDULED)
def test_the_measured_ratio_is_the_one_a_point_names(name):
    kind = noise(name)
    e = noise_of(name)
    signal = clean_part(LARGE).features["audio"].values.double().pow(2).mean()
    for level in (5, 21, 41):
        point = kind.at_level(level)
        measured = (1 - point.severity) * signal / (point.severity * e.pow(2).mean())
        assert 10 * math.log10(measured) == pytest.approx(kind.snr(point), abs=0.1)
