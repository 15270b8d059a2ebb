"""Workers share one copy of a corpus."""

import pickle

import numpy as np
import pytest

from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from merbench.corruption.grid import Grid
from merbench.execution import sharing, worker
from merbench.execution.protocol import Protocol
from merbench.execution.sharing import shared
from tests.corpora import Stream, make_corpus


def protocol(corpus):
    return Protocol(corpus, Grid((), {}, (), ()), 0, None, 1, 8, "cpu")


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(200, streams=(Stream("audio", 130, 60), Stream("face", 40, 50)), nan=0.01)


def test_a_corpus_in_memory_lies_in_the_run_directory_while_workers_need_it(corpus, tmp_path):
    with shared(protocol(corpus), tmp_path) as mapped:
        sent = pickle.dumps(mapped)
        assert sum(m.values.nbytes for m in corpus.modalities) > 3_000_000
        assert len(sent) < 100_000
        received = pickle.loads(sent).corpus
        for one, other in zip(corpus.modalities, received.modalities, strict=True):
            assert isinstance(other.values, np.memmap)
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.offsets, other.offsets)
        assert received.fingerprint == corpus.fingerprint
        assert mapped.token == protocol(corpus).token
        (folder,) = tmp_path.iterdir()
        assert folder.name.startswith(".writing-"), "what a killed run leaves is removed"
    assert not list(tmp_path.iterdir())


def test_it_is_removed_when_the_run_fails(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt), shared(protocol(corpus), tmp_path):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_native_corpus_is_not_copied(corpus, tmp_path):
    write_corpus(corpus, tmp_path / "native", "native")
    native = protocol(load_corpus(tmp_path / "native"))
    (tmp_path / "run").mkdir()
    with shared(native, tmp_path / "run") as same:
        assert same is native
        assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(("jobs", "copies"), [(1, 0), (2, 1)])
def test_a_run_lays_its_corpus_out_once_for_all_waves_of_tasks(merbench, monkeypatch, jobs, copies):
    made, sent = [], []
    lay_out, spread = sharing._mapped, worker._spread

    def counted(corpus, folder):
        made.append(folder)
        return lay_out(corpus, folder)

    def here(tasks, jobs, protocol, store, deadline):
        sent.append({type(m.values) for m in protocol.corpus.modalities})
        return spread(tasks, 1, protocol, store, deadline)

    monkeypatch.setattr(sharing, "_mapped", counted)
    monkeypatch.setattr(worker, "_spread", here)
    suite = merbench.suite(methods=["mmin"])  # its cells need stages: two waves
    said = merbench("run", suite, "--out", "run", "--jobs", jobs, "--quiet")
    assert said.code == 0, said.err
    assert len(made) == copies
    assert sent == [{np.memmap if copies else np.ndarray}] * 2
    assert not list(merbench.folder.rglob(".writing-*"))
