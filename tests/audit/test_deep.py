"""The audit of a corpus finds each planted fault, and none in a sound corpus."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from merbench.audit.corpora import folds_of
from merbench.audit.deep import CORPUS_CHECKS, audit_corpus
from merbench.audit.probes import related
from merbench.corpus.corpus import Corpus, Modality, PredefinedFold
from merbench.corpus.load import load_corpus


@pytest.fixture(scope="module")
def sound() -> Corpus:
    return load_corpus("synthetic", utterances=600)


def failed(corpus: Corpus) -> dict[str, str]:
    return {
        found.check.name: found.finding.summary
        for found in audit_corpus(corpus)
        if found.finding.verdict == "fail"
    }


def changed(corpus: Corpus, name: str, sequences: list[np.ndarray]) -> Corpus:
    """Return the corpus with other sequences in one modality."""
    old = next(m for m in corpus.modalities if m.name == name)
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sequences])])
    new = Modality(name, old.kind, np.concatenate(sequences).astype(np.float32), offsets)
    modalities = tuple(new if m.name == name else m for m in corpus.modalities)
    return dataclasses.replace(corpus, modalities=modalities)


def sequences(corpus: Corpus, name: str) -> list[np.ndarray]:
    modality = next(m for m in corpus.modalities if m.name == name)
    return [modality.sequence(u) for u in range(len(corpus))]


def test_a_sound_corpus_passes(sound) -> None:
    verdicts = {f.check.name: f.finding.verdict for f in audit_corpus(sound)}
    # Both speakers of a dialogue speak in it, so folds by speaker cut through dialogues.
    assert verdicts == {check.name: "pass" for check in CORPUS_CHECKS} | {"overlap": "note"}


def test_an_utterance_under_two_ids_in_two_parts_is_found(sound) -> None:
    fold = folds_of(sound)[0]
    source, copy = int(fold.test[3]), int(fold.train[5])
    corpus = sound
    for name in sound.names:
        some = sequences(corpus, name)
        some[copy] = some[source]
        corpus = changed(corpus, name, some)
    found = failed(corpus)
    assert set(found) == {"duplicates"}
    assert sound.utterances[source] in found["duplicates"]
    assert sound.utterances[copy] in found["duplicates"]


def test_speakers_in_training_and_test_of_predefined_folds_are_found(sound) -> None:
    rows = np.random.default_rng(0).permutation(len(sound))
    parts = (np.sort(part) for part in np.split(rows, [360, 480]))
    found = failed(dataclasses.replace(sound, predefined=(PredefinedFold("1", *parts),)))
    assert set(found) == {"overlap"}
    assert "10 (train/test speaker)" in found["overlap"]


def test_features_made_by_a_network_that_saw_the_training_labels_are_found(sound) -> None:
    fold = folds_of(sound)[0]
    rng, some = np.random.default_rng(0), sequences(sound, "visual")
    for u in fold.train.tolist():
        some[u] = some[u].copy()
        some[u][:, sound.labels[u]] += 4 * some[u].std() + rng.standard_normal()
    corpus = changed(sound, "visual", some)
    predefined = PredefinedFold("1", fold.train, fold.valid, fold.test)
    found = failed(dataclasses.replace(corpus, predefined=(predefined,)))
    assert set(found) == {"labelled_features"}
    assert found["labelled_features"].startswith("visual tells the class")


@pytest.mark.parametrize("how", ["permuted", "reversed", "moved by one", "sorted by id"])
def test_rows_of_a_modality_in_another_order_are_found(sound, how) -> None:
    n = len(sound)
    orders = {
        "permuted": np.random.default_rng(0).permutation(n),
        "reversed": np.arange(n)[::-1],
        "moved by one": np.roll(np.arange(n), -1),
        "sorted by id": np.arange(n),
    }
    base = sound
    if how == "sorted by id":
        # Numbers without leading zeros sort otherwise than they count.
        base = dataclasses.replace(sound, utterances=tuple(f"clip_{u}" for u in range(n)))
        orders[how] = np.argsort(np.array(base.utterances))
    some = sequences(base, "audio")
    found = failed(changed(base, "audio", [some[row] for row in orders[how].tolist()]))
    assert set(found) == {"shuffled_join"}
    assert "audio" in found["shuffled_join"]
    if how != "permuted":
        assert how in found["shuffled_join"]


def test_unrelated_columns_are_unrelated_and_shared_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(400) % 4
    ties = []
    for _ in range(20):
        one, other = rng.standard_normal((2, 400, 5))
        # What the groups share is taken off: it is no tie between rows.
        ties.append(related(one + 9 * groups[:, None], other + 9 * groups[:, None], groups))
    assert np.abs(np.mean(ties)) < 3 / 20**0.5
    assert np.std(ties) < 2
    shared = rng.standard_normal((400, 1))
    assert related(one + shared, other + shared, groups) > 10


def test_the_command_shows_the_audit_and_ends_with_1_where_it_fails(merbench, sound) -> None:
    said = merbench("data", "check", "synthetic", "--set", "utterances=300", "--deep", "--json")
    assert said.code == 0
    checks = json.loads(said.out)["audit"]
    assert [check["check"] for check in checks] == [check.name for check in CORPUS_CHECKS]
    said = merbench("data", "check", "synthetic", "--set", "utterances=300", "--deep")
    assert "duplicates: pass; no two utterances are the same" in said.out
    assert "audit" not in json.loads(merbench("data", "check", "synthetic", "--json").out)
