"""What a method is told and shown of each modality, under every condition of a grid."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import registry, seeds
from merbench.corruption.grid import NoiseColumn, all_patterns, build_grid
from merbench.evaluation.evaluator import GridEvaluator
from merbench.features.observation import ABSENT_FRAMES, State, observe, zero_input
from merbench.features.part import ModalityShape, corpus_shape, make_part
from merbench.features.ragged import Ragged
from tests.corpora import CPU, MIXED, THREE, corruptor, make_corpus, noise

TEST = np.array([3, 1, 20, 7, 8, 15, 22])
PRESENT, NOISED, ABSENT = State.PRESENT, State.NOISED, State.ABSENT


def method(name, **settings_):
    found = registry.load("methods", name)
    return found(found.Config(**settings_))


def columns(*names, on=("absent", "present", "all")):
    kinds = [noise(name) for name in names]
    return [
        NoiseColumn(name, kind, on, (kind.at_severity(0.4), kind.at_severity(0.9)))
        for name, kind in zip(names, kinds, strict=True)
    ]


def make_evaluator(streams=THREE, absent=0.25, names=("gaussian", "burst", "token_swap")):
    corpus = make_corpus(streams=streams, absent=absent)
    source = corruptor(corpus, train=np.arange(0, 24, 2))
    return GridEvaluator(
        make_part(corpus, source.normaliser, TEST, CPU),
        corpus_shape(corpus, source.normaliser, np.arange(0, 24, 2)),
        build_grid(corpus, all_patterns(corpus.names), columns(*names), draws=2),
        source,
    )


EVALUATOR = make_evaluator()
EVERYONE = torch.arange(len(TEST))


def rows_of(padded):
    """Return the frames of each utterance, padding left out."""
    return [values[mask] for values, mask in zip(padded.values, padded.mask, strict=True)]


def shown(evaluator, condition, rows=EVERYONE, **how):
    """Return states and, per modality, the frames each utterance reads."""
    seen = evaluator.observation(condition, method(**{"name": "zero_fill", **how}), rows)
    assert list(seen.modalities) == list(evaluator.shape.names)
    for index, observed in enumerate(seen.modalities.values()):
        assert torch.equal(observed.states, seen.states[:, index])
    return seen.states, {name: rows_of(m.dense()) for name, m in seen.modalities.items()}


def promised_state(condition, index, available):
    """What a modality is under a condition, by the words of the protocol."""
    name = EVALUATOR.shape.names[index]
    inside = name in condition.pattern
    if not available:
        return ABSENT
    return {
        "": PRESENT if inside else ABSENT,
        "absent": PRESENT if inside else NOISED,
        "present": NOISED if inside else ABSENT,
        "all": NOISED,
    }[condition.on]


def promised_frames(evaluator, condition, index, row, state):
    """The frames of one utterance, each drawn and damaged by itself."""
    shape = evaluator.shape.modalities[index]
    if state == ABSENT:
        return torch.zeros(ABSENT_FRAMES, shape.width)
    source, utterance = evaluator.corruptor, TEST[row : row + 1]
    clean = make_part(source.corpus, source.normaliser, utterance, CPU).features[shape.name]
    if state == PRESENT:
        return clean.values
    kind = evaluator.grid.noises[condition.noise]
    damage = source.damage(kind, index, utterance, condition.draw, CPU)
    return damage.apply(clean, condition.point)


def test_every_condition_shows_each_modality_as_the_protocol_says():
    met = set()
    available = EVALUATOR.part.available
    assert not available.all()
    for condition in EVALUATOR.grid.conditions:
        states, frames = shown(EVALUATOR, condition)
        for index, name in enumerate(EVALUATOR.shape.names):
            for row in range(len(TEST)):
                state = promised_state(condition, index, bool(available[row, index]))
                met.add((condition.on, state))
                assert states[row, index] == state
                expected = promised_frames(EVALUATOR, condition, index, row, state)
                assert torch.equal(frames[name][row], expected)
    assert met == {
        ("", PRESENT),
        ("", ABSENT),
        ("absent", PRESENT),
        ("absent", NOISED),
        ("absent", ABSENT),  # natively
        ("present", NOISED),
        ("present", ABSENT),
        ("all", NOISED),
        ("all", ABSENT),  # natively
    }


def test_on_all_shows_every_modality_noised():
    evaluator = make_evaluator(absent=0.0)
    grid = build_grid(evaluator.corruptor.corpus, [("audio",)], columns("gaussian", on=("all",)))
    evaluator = GridEvaluator(evaluator.part, evaluator.shape, grid, evaluator.corruptor)
    assert [c.on for c in grid.conditions] == ["", "all", "all"]
    for condition in grid.conditions[1:]:
        states, frames = shown(evaluator, condition)
        assert (states == NOISED).all()
        for index, name in enumerate(evaluator.shape.names):
            for row in range(len(TEST)):
                assert torch.equal(
                    frames[name][row], promised_frames(evaluator, condition, index, row, NOISED)
                )


def test_noised_as_absent_turns_noise_into_absence_and_nothing_else():
    clean = {c.pattern: c for c in EVALUATOR.grid.conditions if not c.on}
    for condition in EVALUATOR.grid.conditions:
        states, frames = shown(EVALUATOR, condition, noised_as="absent")
        assert not (states == NOISED).any()
        plain, _ = shown(EVALUATOR, condition)
        assert torch.equal(states == ABSENT, plain != PRESENT)
        if condition.on == "absent":
            # Noise outside the pattern, taken as absence: the pattern's own noise-free column.
            same_states, same = shown(EVALUATOR, clean[condition.pattern])
            assert torch.equal(states, same_states)
            for name in EVALUATOR.shape.names:
                assert all(map(torch.equal, frames[name], same[name]))
        if condition.on == "present":
            assert (states == ABSENT).all()
            assert not any(f.any() for name in frames for f in frames[name])


def test_every_method_meets_the_same_noise():
    for condition in EVALUATOR.grid.conditions:
        states, frames = shown(EVALUATOR, condition)
        for name in ("nmer", "mmin", "logreg"):
            others, other = shown(EVALUATOR, condition, name=name)
            assert torch.equal(states, others)
            for index, modality in enumerate(EVALUATOR.shape.names):
                for row in (states[:, index] != ABSENT).nonzero().squeeze(1).tolist():
                    assert torch.equal(frames[modality][row], other[modality][row])


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from(["zero_fill", "nmer"]))
def test_the_batch_an_utterance_comes_in_changes_nothing(data, name):
    condition = data.draw(st.sampled_from(EVALUATOR.grid.conditions))
    rows = data.draw(st.lists(st.integers(0, len(TEST) - 1), min_size=1, max_size=9))
    states, frames = shown(EVALUATOR, condition, name=name)
    some_states, some = shown(EVALUATOR, condition, torch.tensor(rows), name=name)
    assert torch.equal(some_states, states[rows])
    for modality in EVALUATOR.shape.names:
        for found, row in zip(some[modality], rows, strict=True):
            assert torch.equal(found, frames[modality][row])


def test_padding_of_observations_is_0():
    for condition in EVALUATOR.grid.conditions[::7]:
        for name in ("zero_fill", "nmer"):
            seen = EVALUATOR.observation(condition, method(name), EVERYONE)
            for observed in seen.modalities.values():
                padded = observed.dense()
                assert not padded.values[~padded.mask].any()


def test_an_absent_vector_reads_as_one_frame_of_zeros():
    evaluator = make_evaluator(streams=MIXED, absent=0.0)
    (only_text,) = [c for c in evaluator.grid.conditions if c.pattern == ("text",) and not c.on]
    _, frames = shown(evaluator, only_text)
    assert [f.shape for f in frames["prosody"]] == [(1, 3)] * len(TEST)
    assert [f.shape for f in frames["audio"]] == [(5, 5)] * len(TEST)
    assert not any(f.any() for name in ("audio", "prosody") for f in frames[name])


def test_time_noise_leaves_a_vector_present_and_clean():
    evaluator = make_evaluator(streams=MIXED, absent=0.0, names=("burst",))
    condition = next(
        c
        for c in evaluator.grid.conditions
        if c.pattern == ("audio", "prosody") and c.on == "present"
    )
    states, frames = shown(evaluator, condition)
    assert states.unique(dim=0).tolist() == [[NOISED, PRESENT, ABSENT]]
    clean = evaluator.part.features["prosody"]
    assert torch.equal(torch.cat(frames["prosody"]), clean.values)


def test_nmer_reads_frozen_standard_normal_frames_of_typical_length():
    corpus = EVALUATOR.corruptor.corpus
    (only_audio,) = [c for c in EVALUATOR.grid.conditions if c.pattern == ("audio",) and not c.on]
    _, frames = shown(EVALUATOR, only_audio, name="nmer")
    train = np.arange(0, 24, 2)
    for index in (1, 2):
        modality = corpus.modalities[index]
        there = modality.lengths[train][modality.lengths[train] > 0]
        length, keep = int(np.median(there)), EVALUATOR.corruptor.normaliser.modalities[index].keep
        for row, utterance in enumerate(TEST):
            name = corpus.utterances[utterance]
            rng = seeds.generator(
                "frozen draw", 0, corpus.fingerprint, name, modality.name, "absent", 0
            )
            expected = rng.standard_normal((length, modality.width), np.float32)[:, keep]
            assert np.array_equal(frames[modality.name][row].numpy(), expected)


def test_the_stand_in_is_standard_normal():
    source = corruptor(make_corpus(200))
    values = source.absent_noise(0, np.arange(200), 40, CPU).values.double()
    n = values.numel()
    assert abs(float(values.mean())) < 5 / n**0.5
    assert abs(float(values.pow(2).mean()) - 1) < 5 * (2 / n) ** 0.5


@pytest.mark.parametrize(("kind", "frames"), [("vector", 1), ("tokens", 5), ("sequence", 5)])
def test_zeros_have_a_length_that_says_nothing_of_the_utterance(kind, frames):
    found = zero_input(ModalityShape("m", kind, 3, typical_length=17), CPU)
    assert found.lengths.tolist() == [frames]
    assert torch.equal(found.values, torch.zeros(frames, 3))


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_observe_reads_what_is_there_and_the_stand_in_for_the_rest(data, one_for_all):
    n = data.draw(st.integers(1, 6))
    rows = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    states = data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=n, max_size=n))
    lengths = torch.tensor([2, 1, 3, 1])
    source = Ragged(torch.arange(1.0, 15.0).reshape(7, 2), lengths)
    count = 1 if one_for_all else n
    absent = Ragged(-torch.arange(1.0, 4.0 * count + 1).reshape(-1, 2), torch.full((count,), 2))
    found = observe(source, torch.tensor(rows), torch.tensor(states, dtype=torch.int8), absent)
    sequences = torch.split(source.values, lengths.tolist())
    stand_ins = torch.split(absent.values, 2)
    assert len(found) == n
    for row, frames in enumerate(rows_of(found.dense())):
        if states[row] == ABSENT:
            assert torch.equal(frames, stand_ins[0 if one_for_all else row])
        else:
            assert torch.equal(frames, sequences[rows[row]])


def test_utterances_that_read_zeros_share_one_sequence():
    source = Ragged(torch.ones(4, 2), torch.tensor([1, 1, 1, 1]))
    states = torch.tensor([2, 0, 2, 2], dtype=torch.int8)
    found = observe(source, torch.arange(4), states, Ragged.constant(0.0, 5, 2, CPU))
    assert len(found.sequences) == 2
    assert found.rows[0] == found.rows[2] == found.rows[3] != found.rows[1]


def test_the_record_says_what_share_of_loans_comes_from_given_utterances():
    evaluator = make_evaluator(names=("babble", "token_swap", "burst"), absent=0.0)
    corpus = evaluator.corruptor.corpus
    everyone = np.arange(len(corpus))
    assert evaluator.donors_from(everyone) == {"babble": 1.0, "token_swap": 1.0}
    halves = [evaluator.donors_from(half) for half in (everyone[::2], everyone[1::2])]
    for name in ("babble", "token_swap"):
        assert 0 < halves[0][name] < 1
        assert halves[0][name] + halves[1][name] == pytest.approx(1)
