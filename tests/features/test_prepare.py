"""A fold made ready: what training may see, and training utterances made incomplete."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.grid import NoiseColumn, all_patterns, build_grid
from merbench.execution.prepare import _prepare, forget_training, prepare, shown_in_training
from merbench.execution.protocol import Division, Protocol
from tests.corpora import CPU, everyone, make_corpus, noise, with_values
from tests.methods.world import make_stages

N = 600
CORPUS = make_corpus(N)


def protocol(corpus=CORPUS, *, seed=0, columns=(), draws=1, reserved=None):
    return Protocol(
        corpus=corpus,
        grid=build_grid(corpus, all_patterns(corpus.names), columns, draws),
        seed=seed,
        reserved=reserved,
        threads=1,
        evaluation_batch=64,
        device="cpu",
    )


def shown(rate, corpus=CORPUS, seed=0, rows=None):
    rows = everyone(corpus) if rows is None else np.array(rows)
    return shown_in_training(corpus, rows, rate, seed)


def incomplete(left):
    return ~left.all(1)


def test_rate_0_shows_what_there_is():
    gappy = make_corpus(60, absent=0.4)
    assert np.array_equal(shown(0.0, gappy), gappy.available)
    assert not gappy.available.all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_of_incomplete_utterances_is_the_rate(rate):
    share = incomplete(shown(rate)).mean()
    assert abs(share - rate) < 5 * (rate * (1 - rate) / N) ** 0.5


def test_all_partial_patterns_are_drawn_alike():
    left = shown(0.999)
    left = left[incomplete(left)]
    patterns, counts = np.unique(left, axis=0, return_counts=True)
    assert len(patterns) == 6
    assert patterns.any(1).all()
    expected = len(left) / 6
    assert np.abs(counts - expected).max() < 5 * (expected * 5 / 6) ** 0.5


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_higher_rate_adds_utterances_and_changes_no_ones_pattern(one, other):
    low, high = shown(min(one, other)), shown(max(one, other))
    hit = incomplete(low)
    assert incomplete(high)[hit].all()
    assert np.array_equal(high[hit], low[hit])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=20), st.sampled_from([0.3, 0.8]))
def test_who_is_hit_depends_on_the_id_and_not_on_the_fold(rows, rate):
    assert np.array_equal(shown(rate, rows=rows), shown(rate)[rows])


def test_seed_and_corpus_decide_who_is_hit():
    def touch(values):
        values[0, 0] += 1

    other = with_values(CORPUS, 1, touch)
    first = shown(0.5)
    assert not np.array_equal(first, shown(0.5, seed=1))
    assert not np.array_equal(first, shown(0.5, corpus=other))
    assert np.array_equal(first, shown(0.5))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 99))
def test_natively_absent_modalities_stay_absent_and_nobody_loses_everything(seed):
    corpus = make_corpus(60, seed=seed, absent=0.4)
    left = shown(0.9, corpus)
    assert not (left & ~corpus.available).any()
    assert np.array_equal(left.any(1), corpus.available.any(1))


def hide(corpus, fold, rate, change):
    """Change the training features that a rate withholds, and nothing else."""
    left = shown(rate, corpus, rows=fold.train)
    for column, modality in enumerate(corpus.modalities):

        def spoil(values, modality=modality, gone=fold.train[~left[:, column]]):
            for u in gone:
                change(values[modality.offsets[u] : modality.offsets[u + 1]])

        corpus = with_values(corpus, column, spoil)
    return corpus


def test_what_is_withheld_is_gone_for_statistics_too():
    """Garbage in what is withheld moves no number of the fold: not even its normalisation."""
    fold = folds(CORPUS)[0]

    def ruin(frames):
        frames[:] = 1e4

    ruined = hide(CORPUS, fold, 0.6, ruin)
    # Who is hit depends on the fingerprint; the ruin must not change that here.
    object.__setattr__(ruined, "fingerprint", CORPUS.fingerprint)
    clean, other = (_prepare(protocol(c), Division(fold, 0.6)) for c in (CORPUS, ruined))
    for part in ("train", "valid"):
        one, two = getattr(clean, part), getattr(other, part)
        assert torch.equal(one.available, two.available)
        for name in CORPUS.names:
            assert torch.equal(one.features[name].lengths, two.features[name].lengths)
            assert torch.equal(one.features[name].values, two.features[name].values)
    assert clean.shape == other.shape


def test_what_is_withheld_is_empty_and_the_rest_untouched_by_it():
    fold = folds(CORPUS)[0]
    part = prepare(protocol(), Division(fold, 0.6)).train
    left = torch.from_numpy(shown(0.6, rows=fold.train))
    assert torch.equal(part.available, left)
    for column, modality in enumerate(CORPUS.modalities):
        lengths = torch.from_numpy(modality.lengths[fold.train])
        expected = torch.where(left[:, column], lengths, 0)
        assert torch.equal(part.features[modality.name].lengths, expected)


def folds(corpus):
    return make_folds(corpus, FoldsConfig(scheme="speaker"))


def test_validation_and_test_keep_everything_whatever_training_lacks():
    fold = folds(CORPUS)[0]
    ready = prepare(protocol(), Division(fold, 0.7))
    assert not ready.train.available.all()
    assert ready.valid.available.all()
    assert ready.evaluator.part.available.all()
    assert ready.train.positions.tolist() == fold.train.tolist()
    assert ready.valid.positions.tolist() == fold.valid.tolist()
    assert ready.evaluator.part.positions.tolist() == fold.test.tolist()


def test_training_data_is_the_training_and_validation_part_and_stand_ins_for_the_latter():
    fold = folds(CORPUS)[0]
    ready = prepare(protocol(), Division(fold))
    for absent_input, count in (("zeros", 1), ("noise", len(fold.valid))):
        data = ready.training_data(make_stages("mmin", absent_input=absent_input)[-1])
        assert data.train is ready.train
        assert data.valid is ready.valid
        assert (data.noise, data.noised) == (None, None)
        for index, name in enumerate(CORPUS.names):
            assert len(data.absent[name]) == count
            if absent_input == "noise":
                length = ready.shape.modalities[index].typical_length
                frozen = ready.evaluator.corruptor.absent_noise(index, fold.valid, length, CPU)
                assert torch.equal(data.absent[name].values, frozen.values)


def test_what_training_sees_does_not_move_with_the_test_features():
    fold = folds(CORPUS)[0]

    def spoil(values):
        rows = np.concatenate(
            [np.arange(*CORPUS.modalities[0].offsets[u : u + 2]) for u in fold.test]
        )
        values[rows] = 1e3
        values[rows[::2]] = np.nan

    spoilt = with_values(CORPUS, 0, spoil)
    clean, other = (prepare(protocol(c), Division(fold)) for c in (CORPUS, spoilt))
    for one, two in ((clean.train, other.train), (clean.valid, other.valid)):
        for name in CORPUS.names:
            assert torch.equal(one.features[name].values, two.features[name].values)
    assert clean.shape == other.shape
    assert not torch.equal(
        clean.evaluator.part.features["audio"].values, other.evaluator.part.features["audio"].values
    )


def impulse(raw):
    kind = noise("impulse", raw=raw)
    return [NoiseColumn("impulse", kind, ("absent",), (kind.at_level(21),))]


def test_a_fold_is_prepared_once_and_anew_where_anything_of_the_protocol_differs():
    fold, next_fold = map(Division, folds(CORPUS)[:2])
    base = protocol(columns=impulse(raw=False))
    assert prepare(base, fold) is prepare(dataclasses.replace(base), fold)
    reserved = np.array([5, 9])
    for other in (
        protocol(columns=impulse(raw=True)),  # same label, same points
        protocol(columns=impulse(raw=False), seed=1),
        protocol(columns=impulse(raw=False), draws=2),
        protocol(columns=impulse(raw=False), reserved=reserved),
        protocol(),
        dataclasses.replace(base, evaluation_batch=32),
    ):
        assert prepare(base, fold) is not prepare(other, fold)
        assert other.token != base.token
    assert prepare(base, fold) is not prepare(base, next_fold)
    assert prepare(base, fold) is not prepare(base, dataclasses.replace(fold, missing_rate=0.5))


def test_two_suites_in_one_process_that_differ_in_a_noises_settings_meet_each_its_own():
    fold = Division(folds(CORPUS)[0])
    sizes = []
    for raw in (True, False):
        evaluator = prepare(protocol(columns=impulse(raw)), fold).evaluator
        condition = next(c for c in evaluator.grid.conditions if c.on)
        index = next(k for k, seen in enumerate(condition.inputs) if seen.noise)
        clean = evaluator.part.features[evaluator.shape.names[index]].values
        added = evaluator.sequences(index, condition.inputs[index]).values
        share = condition.point.severity
        sizes.append(float((added - (1 - share) ** 0.5 * clean).abs().max() / share**0.5))
    assert sizes == pytest.approx([1.0, 0.3**-0.5], rel=1e-4)


def test_seeds_of_a_fold_share_what_was_drawn_for_a_stage_until_another_is_asked_for():
    fold = prepare(protocol(), Division(make_folds(CORPUS, FoldsConfig(scheme="speaker"))[0]))
    first, last = make_stages("nmer")
    drawn = fold.training_data(last)
    assert fold.training_data(last) is drawn
    assert {len(ragged) for ragged in fold.training_data(first).absent.values()} == {1}
    again = fold.training_data(last)
    assert again is not drawn
    for name, ragged in drawn.absent.items():
        assert len(ragged) == len(fold.valid)
        assert torch.equal(ragged.values, again.absent[name].values)
    forget_training()
    assert fold.training_data(last) is not again
