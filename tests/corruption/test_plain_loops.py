"""Noises in time against the plainest way to say what they do, one frame after the other."""

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import seeds
from tests.corpora import CPU, clean_part, corruptor, everyone, make_corpus, noise

SOURCE = corruptor(make_corpus(absent=0.15))
CORPUS = SOURCE.corpus
CLEAN = clean_part(SOURCE).features["audio"]
SHARES = st.integers(0, 40).map(lambda k: k / 40)


def sequences(values):
    """Return the frames of each utterance as lists."""
    return [frames.tolist() for frames in torch.split(values, CLEAN.lengths.tolist())]


def damage(name, **options):
    return SOURCE.damage(noise(name, **options), 0, everyone(CORPUS), 0, CPU)


def damaged(name, severity):
    kind = noise(name)
    return sequences(damage(name).apply(CLEAN, kind.at_severity(severity)))


def starts():
    return damage("burst").tensors()[0].tolist()


def span(start, length, severity):
    """The frames lost: rightwards from the start until the end, then leftwards."""
    order = [*range(start, length), *range(start - 1, -1, -1)]
    return set(order[: round(Fraction(severity).limit_denominator(40) * length)])


@settings(deadline=None)
@given(SHARES)
def test_a_burst_grows_rightwards_from_its_start_and_then_leftwards(severity):
    for start, clean, found in zip(
        starts(), sequences(CLEAN.values), damaged("burst", severity), strict=True
    ):
        lost = span(start, len(clean), severity)
        expected = [[0.0] * 5 if t in lost else frame for t, frame in enumerate(clean)]
        assert found == expected


@settings(deadline=None)
@given(SHARES)
def test_a_freeze_repeats_the_frame_before_the_start_over_the_span_of_the_burst(severity):
    for start, clean, found in zip(
        starts(), sequences(CLEAN.values), damaged("freeze", severity), strict=True
    ):
        lost = span(start, len(clean), severity)
        still = clean[start - 1] if start else [0.0] * 5
        assert found == [still if t in lost else frame for t, frame in enumerate(clean)]


def test_some_pictures_freeze_at_their_first_frame_and_some_later():
    there = [
        start for start, length in zip(starts(), CLEAN.lengths.tolist(), strict=True) if length
    ]
    assert 0 in there
    assert max(there) > 3
    assert all(0 <= s < max(t, 1) for s, t in zip(starts(), CLEAN.lengths.tolist(), strict=True))


@settings(deadline=None)
@given(SHARES)
def test_a_shift_moves_by_its_share_of_the_length_and_leaves_zeros_behind(severity):
    directions = damage("shift").tensors()[0].tolist()
    assert set(directions) == {-1, 1}
    for direction, clean, found in zip(
        directions, sequences(CLEAN.values), damaged("shift", severity), strict=True
    ):
        by = round(Fraction(severity).limit_denominator(40) * len(clean))
        empty = [[0.0] * 5] * by
        left = clean[: len(clean) - by]
        assert found == (empty + left if direction > 0 else clean[by:] + empty)


@settings(deadline=None)
@given(SHARES)
def test_frames_drop_where_the_severity_exceeds_their_threshold(severity):
    thresholds = iter(damage("frame_drop").tensors()[0].tolist())
    for clean, found in zip(sequences(CLEAN.values), damaged("frame_drop", severity), strict=True):
        assert found == [[0.0] * 5 if next(thresholds) < severity else frame for frame in clean]


def stream(utterance, family, draw=0):
    """The frozen stream of one utterance's audio, from its key."""
    name = CORPUS.utterances[utterance]
    return seeds.generator("frozen draw", 0, CORPUS.fingerprint, name, "audio", family, draw)


def strangers(utterance):
    """Positions of other speakers' utterances that have audio."""
    return [
        other
        for other in range(len(CORPUS))
        if CORPUS.speakers[other] != CORPUS.speakers[utterance] and CORPUS.available[other, 0]
    ]


@settings(deadline=None)
@given(SHARES)
def test_swapped_tokens_are_whole_frames_of_the_drawn_donors(severity):
    thresholds = iter(damage("token_swap").tensors()[0].tolist())
    by_utterance = sequences(CLEAN.values)
    for utterance, found in enumerate(damaged("token_swap", severity)):
        rng = stream(utterance, "token_swap")
        among = strangers(utterance)
        donors = [among[k] for k in rng.integers(len(among), size=len(found))]
        places = rng.integers([len(by_utterance[donor]) for donor in donors])
        for t, frame in enumerate(found):
            swapped = next(thresholds) < severity
            donor = by_utterance[donors[t]][places[t]]
            assert frame == (donor if swapped else by_utterance[utterance][t])


def test_whether_a_token_is_swapped_shares_no_random_bits_with_what_replaces_it():
    thresholds = damage("token_swap").tensors()[0]
    for utterance, found in enumerate(torch.split(thresholds, CLEAN.lengths.tolist())):
        of_the_plan = stream(utterance, "token_swap").random(4 * len(found))
        assert not set(found.tolist()) & set(of_the_plan.tolist())


def test_babble_is_the_sum_of_its_talkers_repeated_to_length_and_scaled():
    for talkers in (1, 4):
        (e,) = damage("babble", talkers=talkers).tensors()
        by_utterance = [np.array(s, np.float64).reshape(-1, 5) for s in sequences(CLEAN.values)]
        for utterance, found in enumerate(sequences(e)):
            if not found:
                continue
            among = strangers(utterance)
            donors = [
                among[k] for k in stream(utterance, "babble").integers(len(among), size=talkers)
            ]
            total = np.zeros((len(found), 5))
            for donor in donors:
                for t in range(len(found)):
                    total[t] += by_utterance[donor][t % len(by_utterance[donor])]
            np.testing.assert_allclose(
                found, total / np.sqrt((total**2).mean()), rtol=1e-4, atol=1e-5
            )
