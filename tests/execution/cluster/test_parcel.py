"""The corpus on its way to a worker."""

import pickle

import numpy as np
import pytest

from merbench.corruption.grid import Grid
from merbench.execution.cluster import parcel as parcels
from merbench.execution.cluster.parcel import corpus_in, parcel, pieces
from merbench.execution.protocol import Protocol
from merbench.execution.sharing import shared
from tests.corpora import Stream, make_corpus


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(150, streams=(Stream("audio", 13, 60), Stream("face", 4, 50)), nan=0.01)


@pytest.fixture
def sent(corpus, tmp_path):
    protocol = Protocol(corpus, Grid((), {}, (), ()), 0, None, 1, 8, "cpu")
    with shared(protocol, tmp_path / "run") as mapped:
        yield parcel("run-1", mapped)


def test_a_parcel_is_small_and_says_what_the_corpus_must_be(sent, corpus):
    assert sum(m.values.nbytes for m in corpus.modalities) > 100_000
    assert len(pickle.dumps(sent)) < 20_000
    assert pickle.loads(pickle.dumps(sent)).fingerprint == corpus.fingerprint


def test_a_shared_path_gives_the_same_corpus(sent, corpus, tmp_path):
    found = corpus_in(sent.files, sent, tmp_path)
    assert found.fingerprint == corpus.fingerprint
    for one, other in zip(corpus.modalities, found.modalities, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_pieces_put_together_give_the_same_corpus(sent, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(parcels, "PIECE", 1000)
    files = tuple(tmp_path / f"{n}.npy" for n in range(2))
    contents = [b"", b""]
    for piece in pieces(sent):
        assert len(piece.content) <= 1000
        assert piece.start == len(contents[piece.modality])
        contents[piece.modality] += piece.content
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    assert corpus_in(files, sent, tmp_path).fingerprint == corpus.fingerprint


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "another"])
def test_what_is_not_the_corpus_is_not_taken_for_it(sent, corpus, tmp_path, damage):
    copies = tuple(tmp_path / path.name for path in sent.files)
    for path, copy in zip(sent.files, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    content = bytearray(copies[0].read_bytes())
    if damage == "gone":
        copies[0].unlink()
    elif damage == "cut":
        copies[0].write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[-1] ^= 1
        copies[0].write_bytes(content)
    else:
        copies = copies[::-1]
    assert corpus_in(copies, sent, tmp_path) is None
