"""What every noise promises: damage that only grows, from none to everything."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import registry
from tests.corpora import CPU, Stream, clean_part, corruptor, everyone, make_corpus, noise
from tests.corruption.test_schedule import SCHEDULED

NOISES = registry.names("noises")
SHARES = tuple(name for name in NOISES if name not in SCHEDULED)


class Scene:
    """The clean features of a small corpus, and one noise drawn for each of its modalities."""

    def __init__(self, name, *, n=24, seed=0, absent=0.0, **options):
        self.source = corruptor(make_corpus(n, seed=seed, absent=absent))
        self.noise = noise(name, **options)
        self.clean = clean_part(self.source).features

    def damage(self, modality=0):
        return self.source.damage(self.noise, modality, everyone(self.source.corpus), 0, CPU)

    def at(self, severity, modality=0):
        clean = self.clean[self.source.corpus.names[modality]]
        return self.damage(modality).apply(clean, self.noise.at_severity(severity))

    def hit(self, severity, modality=0):
        """(F,) frames that are not what they were."""
        clean = self.clean[self.source.corpus.names[modality]].values
        return (self.at(severity, modality) != clean).any(1)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("modality", [0, 1, 2])
def test_severity_0_is_the_clean_signal_bit_for_bit(name, modality):
    scene = Scene(name, absent=0.2)
    clean = scene.clean[scene.source.corpus.names[modality]].values
    clean[::2, 0] = -0.0  # a zero of the other sign is another bit
    assert scene.at(0.0, modality).numpy().tobytes() == clean.numpy().tobytes()


@pytest.mark.parametrize("name", NOISES)
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 99), st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_what_is_damaged_stays_damaged_as_severity_grows(name, seed, severities):
    scene = Scene(name, seed=seed, absent=0.1)
    hits = [scene.hit(severity) for severity in sorted(severities)]
    for mild, severe in itertools.pairwise(hits):
        assert not (mild & ~severe).any()


@pytest.mark.parametrize("name", NOISES)
@settings(deadline=None, max_examples=10)
@given(st.floats(0, 1), st.integers(0, 99))
def test_lengths_never_change_and_padding_stays_0(name, severity, seed):
    scene = Scene(name, seed=seed, absent=0.2)
    for modality, (stream, clean) in enumerate(scene.clean.items()):
        damaged = clean.with_values(scene.at(severity, modality))
        assert damaged.values.shape == clean.values.shape, stream
        padded, before = damaged.padded(), clean.padded()
        assert torch.equal(padded.mask, before.mask)
        assert not padded.values[~padded.mask].any()
        assert torch.isfinite(padded.values).all()


@pytest.mark.parametrize("name", NOISES)
def test_applying_damage_leaves_the_clean_features_alone(name):
    scene = Scene(name)
    before = scene.clean["audio"].values.clone()
    scene.at(0.7)
    assert torch.equal(scene.clean["audio"].values, before)


@pytest.mark.parametrize("name", ["frame_drop", "burst", "shift"])
def test_at_severity_1_nothing_is_left_but_zeros(name):
    scene = Scene(name)
    assert not any(scene.at(1.0, modality).any() for modality in range(3))


def test_at_severity_1_every_token_is_another_ones():
    assert Scene("token_swap").hit(1.0).all()


def test_at_severity_1_nothing_moves_in_a_frozen_picture():
    scene = Scene("freeze")
    clean = scene.clean["audio"]
    frozen = clean.with_values(scene.at(1.0))
    for row in range(len(clean)):
        one = frozen.take(torch.tensor([row])).values
        assert torch.equal(one, one[:1].expand_as(one))


@pytest.mark.parametrize("name", SCHEDULED)
def test_at_severity_1_only_the_noise_is_left(name):
    scene = Scene(name)
    (e,) = scene.damage().tensors()
    torch.testing.assert_close(scene.at(1.0), e, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", SCHEDULED)
@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(1, 100), min_size=2, max_size=5, unique=True))
def test_the_signal_to_noise_ratio_falls_with_every_level(name, levels):
    scene = Scene(name)
    clean = scene.clean["audio"]
    damage, power = scene.damage(), clean.values.double().pow(2).mean()
    measured, named = [], []
    for level in sorted(levels):
        point = scene.noise.at_level(level)
        signal = (1 - point.severity) ** 0.5 * clean.values.double()
        added = damage.apply(clean, point).double() - signal
        measured.append(float((1 - point.severity) * power / added.pow(2).mean()))
        named.append(scene.noise.snr(point))
    assert measured == sorted(measured, reverse=True)
    assert len(set(measured)) == len(measured)
    assert named == sorted(named, reverse=True)


@pytest.mark.parametrize("name", ["frame_drop", "token_swap"])
@pytest.mark.parametrize("severity", [0.1, 0.5, 0.8])
def test_independent_losses_hit_their_share_of_the_frames(name, severity):
    hit = Scene(name, n=600).hit(severity).double()
    # Five standard errors of a binomial share.
    error = math.sqrt(severity * (1 - severity) / len(hit))
    assert abs(float(hit.mean()) - severity) < 5 * error


def test_independent_losses_hit_whole_frames_and_set_them_to_0():
    scene = Scene("frame_drop")
    out, clean = scene.at(0.4), scene.clean["audio"].values
    lost = (out == 0).all(1)
    assert 0 < int(lost.sum()) < len(lost)
    assert torch.equal(out[~lost], clean[~lost])


@pytest.mark.parametrize("name", ["burst", "shift"])
@settings(deadline=None, max_examples=20)
@given(severity=st.floats(0, 1), seed=st.integers(0, 999))
def test_contiguous_losses_take_the_share_rounded_to_frames(name, severity, seed):
    scene = Scene(name, seed=seed)
    clean = scene.clean["audio"]
    lost = (scene.at(severity) == 0).all(1)
    for row, length in enumerate(clean.lengths.tolist()):
        assert abs(int(lost[clean.row == row].sum()) - severity * length) <= 0.5 + 1e-5


def test_noises_say_which_axis_they_have():
    for name in NOISES:
        kind = noise(name)
        assert kind.scheduled == (name in SCHEDULED)
        assert kind.timed == (name in SHARES)
        assert kind.summary


@pytest.mark.parametrize("name", SCHEDULED)
def test_noise_without_time_meets_vectors_too(name):
    source = corruptor(make_corpus(streams=(Stream("prosody", 4, 1), Stream("text", 3, 5))))
    (e,) = source.damage(noise(name), 0, np.arange(24), 0, CPU).tensors()
    assert e.shape == (24, 4)
    assert (e != 0).any()
