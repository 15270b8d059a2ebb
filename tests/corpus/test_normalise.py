import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.corpus import Modality
from merbench.corpus.normalise import fit_normaliser, frame_positions
from merbench.errors import CorpusError
from tests.corpora import make_corpus, with_values

TRAIN = np.arange(0, 24, 2)
OTHERS = np.arange(1, 24, 2)


def frames(modality, utterances):
    """Raw frames of some utterances, the plain way."""
    return np.concatenate([modality.sequence(int(u)) for u in utterances])


@st.composite
def untidy(draw):
    """A corpus with holes and a training part of it in any order."""
    corpus = make_corpus(
        seed=draw(st.integers(0, 2**32 - 1)),
        absent=draw(st.sampled_from([0.0, 0.3])),
        nan=draw(st.sampled_from([0.0, 0.1, 0.5])),
    )
    train = draw(st.lists(st.integers(0, 23), min_size=8, max_size=24, unique=True))
    return corpus, np.array(train)


def usable(corpus, train):
    """Per modality, the columns with at least half their training values, that vary."""
    found = []
    for modality in corpus.modalities:
        x = np.concatenate([frames(modality, train), np.empty((0, modality.width))])
        keep = []
        for k, column in enumerate(x.astype(np.float64).T):
            values = column[~np.isnan(column)]
            if 2 * len(values) >= len(column) and len(np.unique(values)) > 1:
                keep.append(k)
        found.append(keep)
    return found


@settings(deadline=None, max_examples=50)
@given(untidy())
def test_statistics_and_features_equal_a_float64_oracle(case):
    corpus, train = case
    expected = usable(corpus, train)
    if not all(expected):
        with pytest.raises(CorpusError, match="no column that varies"):
            fit_normaliser(corpus, train)
        return
    normaliser = fit_normaliser(corpus, train)
    for modality, norm, keep in zip(
        corpus.modalities, normaliser.modalities, expected, strict=True
    ):
        seen = frames(modality, train).astype(np.float64)[:, keep]
        mean, sd = np.nanmean(seen, axis=0), np.nanstd(seen, axis=0)
        assert norm.keep.tolist() == keep
        np.testing.assert_allclose(norm.mean, mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(norm.sd, sd, rtol=1e-9)
        filled = np.where(np.isnan(modality.values[:, keep]), mean, modality.values[:, keep])
        out = norm.apply(modality.values)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, (filled - mean) / sd, rtol=1e-5, atol=1e-6)


def test_training_frames_come_out_with_mean_0_and_variance_1():
    corpus = make_corpus()
    normaliser = fit_normaliser(corpus, TRAIN)
    for modality, norm in zip(corpus.modalities, normaliser.modalities, strict=True):
        out = norm.apply(frames(modality, TRAIN)).astype(np.float64)
        np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(out.var(axis=0), 1, atol=1e-5)


@settings(deadline=None, max_examples=50)
@given(
    modality=st.integers(0, 2),
    utterances=st.lists(st.sampled_from(OTHERS.tolist()), min_size=1, unique=True),
    value=st.floats(width=32, allow_infinity=False),
    one_column=st.booleans(),
)
def test_nothing_done_to_validation_or_test_moves_the_statistics(
    modality, utterances, value, one_column
):
    corpus = make_corpus()
    rows = frame_positions(corpus.modalities[modality], np.array(utterances))

    def spoil(values):
        values[rows, : 1 if one_column else None] = value

    before = fit_normaliser(corpus, TRAIN).modalities
    after = fit_normaliser(with_values(corpus, modality, spoil), TRAIN).modalities
    for one, other in zip(before, after, strict=True):
        for what in ("keep", "mean", "sd"):
            assert np.array_equal(getattr(one, what), getattr(other, what))
        assert (one.mostly_nan, one.constant) == (other.mostly_nan, other.constant)


def test_a_change_of_training_features_does_move_them():
    corpus = make_corpus()

    def spoil(values):
        values[0, 0] += 1

    before = fit_normaliser(corpus, TRAIN).modalities[0]
    after = fit_normaliser(with_values(corpus, 0, spoil), TRAIN).modalities[0]
    assert before.mean[0] != after.mean[0]
    assert np.array_equal(before.mean[1:], after.mean[1:])


@pytest.mark.parametrize("offset", [1e3, -1e5])
def test_large_means_cost_no_precision(offset):
    corpus = with_values(make_corpus(), 0, lambda values: np.add(values, offset, out=values))
    norm = fit_normaliser(corpus, TRAIN).modalities[0]
    seen = frames(corpus.modalities[0], TRAIN).astype(np.float64)
    kept = seen[:, norm.keep]
    np.testing.assert_allclose(norm.mean, kept.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(norm.sd, kept.std(axis=0), rtol=1e-9)


def test_corpora_larger_than_a_block_are_measured_whole():
    rng = np.random.default_rng(0)
    values = rng.normal(3, 2, size=(70_000, 2)).astype(np.float32)
    values[::10, 1] = np.nan
    small = make_corpus(2, speakers=None)
    long = Modality.build("audio", values, np.array([0, 40_000, 70_000]))
    corpus = dataclasses.replace(small, modalities=(long, small.modalities[1]))
    norm = fit_normaliser(corpus, np.array([0, 1])).modalities[0]
    np.testing.assert_allclose(norm.mean, np.nanmean(values.astype(np.float64), axis=0), rtol=1e-12)
    np.testing.assert_allclose(norm.sd, np.nanstd(values.astype(np.float64), axis=0), rtol=1e-12)
    out = norm.apply(values).astype(np.float64)
    np.testing.assert_allclose((out**2).mean(axis=0), [1, 0.9], atol=1e-5)
    assert norm.filled == 7000


def test_a_nan_becomes_the_training_mean_wherever_it_stands():
    corpus = make_corpus()
    audio = corpus.modalities[0]
    rows = [int(audio.offsets[0]), int(audio.offsets[1])]  # one in training, one not

    def spoil(values):
        values[rows, 2] = np.nan

    corpus = with_values(corpus, 0, spoil)
    normaliser = fit_normaliser(corpus, TRAIN)
    norm = normaliser.modalities[0]
    assert np.array_equal(norm.apply(corpus.modalities[0].values)[rows, 2], [0, 0])
    assert norm.filled == 2
    assert "audio: 2 NaN values filled by the training mean" in normaliser.notes(corpus)


def spoiled_columns():
    """In training column 0 is mostly NaN, 1 half NaN, 2 constant, 3 of one value or NaN."""
    corpus = make_corpus()
    rows = frame_positions(corpus.modalities[0], TRAIN)
    if len(rows) % 2:
        raise AssertionError("the test needs an even number of training frames")
    half = len(rows) // 2

    def spoil(values):
        values[rows[: half + 1], 0] = np.nan
        values[rows[:half], 1] = np.nan
        values[rows, 2] = 7.5
        values[rows, 3] = -3
        values[rows[:3], 3] = np.nan

    return with_values(corpus, 0, spoil)


def test_columns_more_than_half_nan_or_constant_in_training_are_dropped_and_counted():
    corpus = spoiled_columns()
    normaliser = fit_normaliser(corpus, TRAIN)
    norm = normaliser.modalities[0]
    assert (norm.keep.tolist(), norm.mostly_nan, norm.constant) == ([1, 4], (0,), (2, 3))
    assert norm.width == 2
    notes = normaliser.notes(corpus)
    assert "audio: dropped 1 columns (more than half NaN): 0" in notes
    assert "audio: dropped 2 columns (constant in training): 2, 3" in notes
    assert norm.apply(corpus.modalities[0].values).shape == (len(corpus.modalities[0].values), 2)


def test_what_is_dropped_belongs_to_the_fold():
    # The same columns vary among the other utterances.
    assert len(fit_normaliser(spoiled_columns(), OTHERS).modalities[0].keep) == 5


@pytest.mark.parametrize("level", [0.0, 0.1, 3e7])
def test_a_column_that_varies_by_rounding_alone_is_constant(level):
    def spoil(values):
        values[:, 1] = np.float32(level)
        values[::3, 1] = np.nextafter(np.float32(level), np.float32(np.inf)) if level else 0

    corpus = with_values(make_corpus(), 0, spoil)
    assert fit_normaliser(corpus, TRAIN).modalities[0].constant == (1,)


def test_small_but_real_variation_is_kept():
    corpus = with_values(make_corpus(), 0, lambda values: np.multiply(values, 1e-20, out=values))
    assert len(fit_normaliser(corpus, TRAIN).modalities[0].keep) == 5


def test_a_modality_without_a_usable_column_is_refused_with_its_name_and_the_reason():
    corpus = with_values(make_corpus(), 1, lambda values: values.fill(2))
    with pytest.raises(CorpusError, match=r"'visual' has no column that varies.*3 constant"):
        fit_normaliser(corpus, TRAIN)


@settings(deadline=None)
@given(st.integers(0, 999), st.lists(st.integers(0, 23), max_size=30))
def test_frame_positions_equal_a_plain_loop(seed, utterances):
    modality = make_corpus(seed=seed, absent=0.3).modalities[0]
    expected = [
        row for u in utterances for row in range(modality.offsets[u], modality.offsets[u + 1])
    ]
    assert frame_positions(modality, np.array(utterances, np.int64)).tolist() == expected
