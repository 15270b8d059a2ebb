"""A training part whose frames stay in the corpus: the same numbers, and none of the memory."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench.corpus.corpus import Modality
from merbench.corpus.folds import Fold
from merbench.corpus.layouts.native import write_native
from merbench.corpus.normalise import fit_normaliser
from merbench.execution.prepare import prepare
from merbench.execution.protocol import Division
from merbench.features.part import Stored, make_part
from tests.corpora import CPU, MIXED, make_corpus
from tests.features.test_prepare import protocol

N = 24
SOME = st.lists(st.integers(0, N - 1), min_size=1, max_size=12)


@st.composite
def both(draw):
    """A part in memory, and the same one left in the corpus."""
    corpus = make_corpus(
        N, streams=MIXED, seed=draw(st.integers(0, 99)), absent=draw(st.sampled_from([0.0, 0.4])),
        nan=draw(st.sampled_from([0.0, 0.1])),
    )  # fmt: skip
    positions = np.array(draw(SOME), np.int64)
    hidden = np.random.default_rng(draw(st.integers(0, 99))).random((len(positions), 3)) < 0.2
    shown = corpus.available[positions] & ~hidden
    normaliser = fit_normaliser(corpus, np.arange(N))
    return [make_part(corpus, normaliser, positions, CPU, shown, held=h) for h in (math.inf, -1)]


def same(plain, stored):
    assert torch.equal(plain.lengths, stored.lengths)
    assert torch.equal(plain.values, stored.values)
    assert (plain.total, plain.width) == (stored.total, stored.width)
    assert torch.equal(plain.row, stored.row)
    assert torch.equal(plain.position, stored.position)
    for found, expected in zip(stored.padded(2), plain.padded(2), strict=True):
        assert torch.equal(found, expected)


@settings(deadline=None, max_examples=50)
@given(both(), st.data())
def test_what_is_read_from_the_corpus_is_what_memory_would_hold(parts, data):
    plain, stored = parts
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(plain) - 1), max_size=9))).long()
    for name, ragged in plain.features.items():
        other = stored.features[name]
        assert isinstance(other, Stored)
        same(ragged, other)
        same(ragged.take(rows), other.take(rows))
        assert isinstance(other.subset(rows), Stored)
        same(ragged.take(rows), other.subset(rows))
        places = torch.randint(max(1, ragged.total), (5,)) if ragged.total else rows[:0]
        assert torch.equal(ragged.read(places), other.read(places))
    for name, ragged in stored.loaded().features.items():
        assert not isinstance(ragged, Stored)
        same(ragged, plain.select(torch.arange(len(plain))).features[name])


def test_a_fold_leaves_what_is_large_in_training_and_holds_the_rest(monkeypatch):
    corpus = make_corpus(N)
    one, two, three = np.split(np.arange(N), [16, 20])
    sizes = {m.name: 4 * int(m.lengths[one].sum()) * m.width for m in corpus.modalities}
    _, middle, large = sorted(sizes, key=sizes.__getitem__)
    monkeypatch.setattr("merbench.execution.prepare.HELD", sizes[middle])
    fold = prepare(protocol(corpus), Division(Fold("0", one, two, three)))
    left = {name for name, ragged in fold.train.features.items() if isinstance(ragged, Stored)}
    assert left == {large}
    others = [*fold.valid.features.values(), *fold.evaluator.part.features.values()]
    assert not any(isinstance(ragged, Stored) for ragged in others)


_READ = """
import sys
import numpy as np, torch, psutil
from merbench.corpus.load import load_corpus
from merbench.corpus.normalise import fit_normaliser
from merbench.features.part import make_part

def resident():
    return psutil.Process().memory_info().rss // 2**20

corpus = load_corpus("native:" + sys.argv[1])
everyone = np.arange(len(corpus))
normaliser = fit_normaliser(corpus, everyone)
before = resident()
held = 0 if sys.argv[2] == "stored" else float("inf")
part = make_part(corpus, normaliser, everyone, torch.device("cpu"), held=held)
total = 0.0
for rows in torch.randperm(len(corpus)).split(64):
    total += float(part.features["video"].take(rows).values.sum())
print(resident() - before)
"""


def test_a_stored_part_takes_the_memory_of_a_batch(tmp_path):
    """All frames take 400 MiB, a batch of them 12; to measure them takes the same either way."""
    plain, offsets = make_corpus(2048, speakers=None), np.arange(2049) * 50
    values = np.random.default_rng(0).standard_normal((offsets[-1], 1024), np.float32)
    video = Modality.build("video", values, offsets)
    write_native(dataclasses.replace(plain, modalities=(plain.modalities[0], video)), tmp_path)

    def took(how):
        command = [sys.executable, "-c", _READ, str(tmp_path), how]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert took("held") > 400
    assert took("stored") < 100
