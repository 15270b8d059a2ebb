import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.normalise import fit_normaliser
from merbench.features.part import corpus_shape, make_part
from tests.corpora import CPU, MIXED, Stream, make_corpus, with_values

TRAIN = np.arange(0, 24, 2)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 23), max_size=12), st.integers(0, 99))
def test_a_part_holds_the_normalised_features_of_its_utterances_in_order(positions, seed):
    corpus = make_corpus(seed=seed, absent=0.2, nan=0.05)
    normaliser = fit_normaliser(corpus, np.arange(24))
    part = make_part(corpus, normaliser, np.array(positions, np.int64), CPU)
    assert len(part) == len(positions)
    assert part.positions.tolist() == positions
    assert part.labels.tolist() == [corpus.labels[p] for p in positions]
    for index, (modality, norm) in enumerate(
        zip(corpus.modalities, normaliser.modalities, strict=True)
    ):
        features = part.features[modality.name]
        lengths = [len(modality.sequence(p)) for p in positions]
        assert features.lengths.tolist() == lengths
        assert part.available[:, index].tolist() == [length > 0 for length in lengths]
        for p, found in zip(positions, torch.split(features.values, lengths), strict=True):
            raw = modality.sequence(p)[:, norm.keep].astype(np.float64)
            expected = (np.where(np.isnan(raw), norm.mean, raw) - norm.mean) / norm.sd
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 11), max_size=12))
def test_selecting_rows_is_making_the_part_of_them(rows):
    corpus = make_corpus(absent=0.2)
    normaliser = fit_normaliser(corpus, TRAIN)
    selected = make_part(corpus, normaliser, TRAIN, CPU).select(torch.tensor(rows).long())
    direct = make_part(corpus, normaliser, TRAIN[np.array(rows, np.int64)], CPU)
    assert selected.positions.tolist() == direct.positions.tolist()
    assert torch.equal(selected.labels, direct.labels)
    assert torch.equal(selected.available, direct.available)
    for name in corpus.names:
        assert torch.equal(selected.features[name].values, direct.features[name].values)
        assert torch.equal(selected.features[name].lengths, direct.features[name].lengths)


def test_the_shape_of_a_fold_comes_from_its_training_part():
    def constant(values):
        values[:, 1] = 0

    corpus = with_values(make_corpus(streams=MIXED, absent=0.3, classes=3), 0, constant)
    shape = corpus_shape(corpus, fit_normaliser(corpus, TRAIN), TRAIN)
    assert shape.classes == 3
    assert shape.names == ("audio", "prosody", "text")
    assert [m.kind for m in shape.modalities] == ["sequence", "vector", "tokens"]
    assert [m.width for m in shape.modalities] == [4, 3, 4]
    for modality, found in zip(corpus.modalities, shape.modalities, strict=True):
        lengths = sorted(t for t in modality.lengths[TRAIN].tolist() if t)
        middle = (lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2]) / 2
        assert found.typical_length == int(middle)


@pytest.mark.parametrize("order", [("visual", "text", "audio"), ("text", "audio", "visual")])
def test_concatenation_is_audio_text_visual_whatever_the_corpus_order(order):
    corpus = make_corpus(streams=[Stream(name, 3, 4) for name in order])
    shape = corpus_shape(corpus, fit_normaliser(corpus, TRAIN), TRAIN)
    assert shape.names == order
    assert shape.order == ("audio", "text", "visual")
