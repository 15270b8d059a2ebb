"""The suite's noises in training: drawn anew, from training utterances alone, where they apply."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.grid import NoiseColumn
from merbench.corruption.training import TrainingNoise
from merbench.features.observation import State
from merbench.features.part import corpus_shape, make_part
from merbench.methods.base import Sampling
from tests.corpora import CPU, MIXED, make_corpus, noise, with_values
from tests.methods.world import LoneSampler

CORPUS = make_corpus(40, streams=MIXED)
TRAIN = np.arange(0, 40, 2)
KEY = ("stage", "fold", 0)


def columns(*names, severities=(0.3, 0.8)):
    found = []
    for name in names:
        kind = noise(name)
        points = tuple(kind.at_severity(s) for s in severities)
        found.append(NoiseColumn(name, kind, ("absent",), points))
    return tuple(found)


def training_noise(*names, corpus=CORPUS, severities=(0.3, 0.8), available=None):
    normaliser = fit_normaliser(corpus, TRAIN)
    part = make_part(corpus, normaliser, TRAIN, CPU, available)
    return TrainingNoise(corpus, normaliser, part, columns(*names, severities=severities))


def test_every_utterance_meets_one_of_the_suites_points() -> None:
    of = training_noise("burst", "frame_drop")
    clean = of.part.features["audio"]
    assert [len(c) for c in of.choices] == [4, 0, 4], "prosody is a vector, without a time axis"
    noised = of.noised(0, (*KEY, 1))
    assert torch.equal(noised.lengths, clean.lengths)
    dropped = (noised.values == 0).all(1) & ~(clean.values == 0).all(1)
    kept = torch.equal(noised.values[~dropped], clean.values[~dropped])
    assert kept
    assert 0.2 < dropped.double().mean() < 0.9


def test_gaussian_noise_comes_at_the_points_strength() -> None:
    of = training_noise("gaussian", severities=(0.5,))
    clean, noised = of.part.features["text"], of.noised(2, (*KEY, 1))
    share = of.columns[0].points[0].severity
    e = (noised.values - (1 - share) ** 0.5 * clean.values) / share**0.5
    assert abs(float(e.mean())) < 0.15
    assert abs(float(e.var()) - 1) < 0.25


def test_draws_are_anew_in_every_epoch_and_equal_under_equal_keys() -> None:
    of = training_noise("gaussian", "babble", "token_swap")
    first = of.noised(0, (*KEY, 1)).values
    assert torch.equal(of.noised(0, (*KEY, 1)).values, first)
    assert not torch.equal(of.noised(0, (*KEY, 2)).values, first)
    assert not torch.equal(of.noised(0, ("stage", "fold", 1, 1)).values, first)


@pytest.mark.parametrize("name", ["babble", "token_swap"])
def test_donors_are_training_utterances_that_still_have_the_modality(name) -> None:
    available = CORPUS.available[TRAIN].copy()
    available[::3, 0] = False
    before = training_noise(name, available=available)

    def ruin(values):
        hidden = set(range(40)) - set(TRAIN.tolist()) | set(TRAIN[::3].tolist())
        for u in hidden:
            values[slice(*CORPUS.modalities[0].offsets[u : u + 2])] = 1e6

    ruined = with_values(CORPUS, 0, ruin)
    after = TrainingNoise(ruined, before.normaliser, before.part, before.columns)
    for epoch in range(5):
        key = (*KEY, epoch)
        assert torch.equal(before.noised(0, key).values, after.noised(0, key).values)


def sampler(of, noise=True, **settings) -> LoneSampler:
    shape = corpus_shape(CORPUS, of.normaliser, TRAIN)
    sampling = Sampling(patterns="partial", train_noise="suite", **settings)
    generator = torch.Generator().manual_seed(0)
    return LoneSampler(of.part, shape, sampling, {}, generator, None, of if noise else None, KEY)


def test_a_step_reads_noised_features_of_what_is_missing_and_clean_ones_of_the_rest() -> None:
    of = training_noise("gaussian", "burst")
    found = sampler(of)
    found.start_epoch(3)
    batch = found.batch(torch.arange(20), 0.0)
    assert set(batch.states.unique().tolist()) == {State.PRESENT, State.NOISED}
    for column, name in enumerate(CORPUS.names):
        seen, clean = batch.observed[name], of.part.features[name]
        noised = of.noised(column, (*KEY, 3))
        for row in range(20):
            source = noised if batch.states[row, column] == State.NOISED else clean
            expected = source.take(torch.tensor([row])).values
            assert torch.equal(seen.sequences.take(seen.rows[[row]]).values, expected)


def test_where_no_noise_applies_what_is_missing_is_absent() -> None:
    of = training_noise("burst")
    found = sampler(of)
    found.start_epoch(1)
    states = found.batch(torch.arange(20)).states
    prosody = CORPUS.names.index("prosody")
    assert set(states[:, prosody].unique().tolist()) == {State.PRESENT, State.ABSENT}


def test_a_stage_that_wants_the_suites_noise_and_has_none_says_so() -> None:
    of = sampler(training_noise("burst"), noise=False)
    with pytest.raises(ValueError, match="given none"):
        of.start_epoch(1)
