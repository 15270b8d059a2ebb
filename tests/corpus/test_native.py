import contextlib
import dataclasses
import hashlib
import json
import os
import pickle
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus, recognised_by
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers.native import Manifest
from merbench.errors import CorpusError
from tests.corpora import THREE, Stream, make_corpus


@pytest.fixture
def folder(tmp_path):
    corpus = make_corpus(streams=(*THREE, Stream("a/b", 2, 1)), nan=0.05, absent=0.1)
    write_corpus(corpus, tmp_path / "native", "native")
    return tmp_path / "native"


def refused(folder, *words):
    with pytest.raises(CorpusError) as caught:
        load_corpus(f"native:{folder}")
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_the_files_are_what_the_manifest_says(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted([*manifest["files"], "manifest.json"]) == sorted(
        path.name for path in folder.iterdir()
    )
    assert "audio.offsets.npy" in manifest["files"]
    for name, stored in manifest["files"].items():
        assert (folder / name).stat().st_size == stored["bytes"]
    assert [m["name"] for m in manifest["modalities"]] == ["audio", "visual", "text", "a/b"]
    assert recognised_by(folder) == ("native",)


def test_features_are_mapped_and_not_copied(folder):
    corpus = load_corpus(folder)
    for modality in corpus.modalities:
        assert isinstance(modality.values, np.memmap)
        assert not modality.values.flags.writeable


def look(corpus):
    """What a worker sees of a corpus that was sent to it."""
    values = corpus.modalities[0].values
    rows = slice(corpus.modalities[0].offsets[5], corpus.modalities[0].offsets[6])
    return type(values).__name__, str(values.filename), values[rows].tolist(), corpus.fingerprint


def test_a_worker_gets_the_path_and_reads_the_same_file(tmp_path):
    streams = (Stream("audio", 130, 60), Stream("visual", 40, 50))
    corpus = make_corpus(200, streams=streams)
    write_corpus(corpus, tmp_path / "native", "native")
    mapped = load_corpus(tmp_path / "native")
    size = sum(m.values.nbytes for m in mapped.modalities)
    sent = len(pickle.dumps(mapped))
    assert size > 3_000_000
    assert sent < 100_000
    assert len(pickle.dumps(corpus)) > size, "a corpus in memory is sent whole"
    ((kind, name, frames, fingerprint),) = joblib.Parallel(n_jobs=2)([joblib.delayed(look)(mapped)])
    assert kind == "memmap"
    assert name == str((tmp_path / "native/audio.npy").resolve())
    assert frames == corpus.modalities[0].sequence(5).tolist()
    assert fingerprint == corpus.fingerprint


def test_a_corpus_that_changed_under_a_run_is_not_opened_again(tmp_path):
    write_corpus(make_corpus(24), tmp_path / "c", "native")
    sent = pickle.dumps(load_corpus(tmp_path / "c"))
    write_corpus(make_corpus(30), tmp_path / "c", "native", replace=True)
    with pytest.raises(ProblemError, match="leave a corpus alone while it is in use"):
        pickle.loads(sent)


def test_a_mapped_corpus_trains_and_resumes_by_several_workers(merbench, tmp_path):
    write_corpus(make_corpus(36, speakers=6), tmp_path / "c", "native")
    suite = merbench.suite(methods=["logreg"])
    said = merbench.process(
        "run", suite, "--corpus", tmp_path / "c", "--out", "two", "--jobs", 2, "--json"
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["cells"] == {"done": 2, "total": 2}


def edit(path, *, seal=True, **changes):
    """Change the manifest; with `seal`, as one who computes its digest anew."""
    content = {**json.loads(path.read_text()), **changes}
    if seal:
        with contextlib.suppress(ValueError):  # no manifest, which is found before its digest
            content["digest"] = Manifest(**content).own_digest()
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_manifest_edited_by_hand_is_refused_unless_only_the_name_is_changed(folder, sealed):
    path = folder / "manifest.json"
    fingerprint = load_corpus(folder).fingerprint
    edit(path, seal=sealed, name="other")
    corpus = load_corpus(folder)
    assert (corpus.name, corpus.fingerprint) == ("other", fingerprint)


@pytest.mark.parametrize("field", ["kind", "classes", "modalities", "fingerprint", "digest"])
def test_an_edit_of_what_the_fingerprint_covers_is_refused(folder, merbench, field):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    if field == "kind":
        content["modalities"][0]["kind"] = "tokens"
    elif field == "fingerprint":
        content["fingerprint"] = "0" * 64
    elif field == "digest":
        del content["digest"]
    else:
        content[field].reverse()
    path.write_text(json.dumps(content))
    refused(folder, f"{path}: edited by hand", "convert the corpus again")
    said = merbench("data", "check", folder)
    assert said.code == 2
    assert f"{path}: edited by hand" in said.out


@pytest.mark.parametrize("name", ["index.parquet", "audio.npy", "audio.offsets.npy"])
@pytest.mark.parametrize("directory", [True, False])
def test_a_missing_file_is_said_once(folder, merbench, name, directory):
    (folder / name).unlink()
    if directory:
        (folder / name).mkdir()
    what = "is a folder" if directory else "no such file"
    said = merbench("data", "check", f"native:{folder}")
    assert said.out == f"{folder / name}: {what}; the manifest lists it\n"


def test_a_manifest_with_text_that_cannot_be_written_is_refused(folder, merbench):
    edit(folder / "manifest.json", classes=["c0", "c1\ud800"])
    for command in ("check", "describe"):
        said = merbench("data", command, folder)
        assert said.code == 2
        assert "manifest.json, field 'classes': cannot be a name in a table" in said.out + said.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, ("version 2", "reads 1")),
        ({"format": "zip"}, ("not a manifest", "'merbench corpus'")),
        ({"utterances": "24"}, ("field 'utterances'",)),
        ({"utterances": 23}, ("24 utterances", "23")),
        ({"clases": []}, ("field 'clases'", "did you mean 'classes'")),
        ({"classes": ["c0", "c2"]}, ("row", "'c1' is not among the classes")),
        ({"folds": ["x"]}, ("no column 'fold:x'",)),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(folder, changes, words):
    edit(folder / "manifest.json", **changes)
    refused(folder, str(folder), *words)


def test_a_manifest_cannot_lead_out_of_its_folder(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["modalities"][0]["values"] = "../secret.npy"
    manifest["files"]["../secret.npy"] = manifest["files"]["audio.npy"]
    edit(folder / "manifest.json", **manifest)
    refused(folder, "'../secret.npy' is not the name of a file")


@pytest.mark.parametrize("name", ["audio.npy", "audio.offsets.npy", "index.parquet"])
def test_missing_and_torn_files_are_named(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-8])
    refused(folder, name, f"has {len(whole) - 8} bytes, the manifest says {len(whole)}")
    (folder / name).unlink()
    refused(f"{folder}", name)


@pytest.mark.parametrize("name", ["audio.offsets.npy", "index.parquet"])
def test_index_and_offsets_are_compared_with_their_checksum_on_reading(folder, name):
    whole = bytearray((folder / name).read_bytes())
    whole[-9] ^= 1
    (folder / name).write_bytes(whole)
    refused(folder, name, "sha256")


def test_a_changed_value_is_found_by_check(folder, merbench):
    whole = bytearray((folder / "audio.npy").read_bytes())
    whole[-1] ^= 1
    (folder / "audio.npy").write_bytes(whole)
    (folder / "notes.txt").write_text("x")
    said = merbench("data", "check", folder)
    assert said.code == 2
    assert f"{folder}/audio.npy: has sha256 " in said.out
    assert f"{folder}/notes.txt: the manifest does not list this file" in said.out
    assert "2 problems" in said.err
    assert "checksum 1" in said.err
    assert "extra file 1" in said.err


def test_a_manifest_with_another_fingerprint_is_found_by_check(folder, merbench):
    edit(folder / "manifest.json", fingerprint="0" * 64)
    said = merbench("data", "check", folder)
    assert said.code == 2
    assert "field 'fingerprint'" in said.out


def test_a_fold_cell_that_is_no_part_is_named(folder):
    table = pq.read_table(folder / "index.parquet")
    column = pa.array(["trian", *[None] * (len(table) - 1)], pa.string())
    pq.write_table(table.append_column("fold:x", column), folder / "index.parquet")
    data = (folder / "index.parquet").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    stored = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"]["index.parquet"] = stored
    edit(folder / "manifest.json", files=manifest["files"], folds=["x"])
    refused(folder, "row 0", "'fold:x'", "did you mean 'train'")


def test_replacing_a_field_forgets_the_stored_fingerprint(folder):
    corpus = load_corpus(folder)
    other = dataclasses.replace(corpus, classes=("x", *corpus.classes[1:]))
    assert other.fingerprint != corpus.fingerprint


def held_and_mapped(tmp_path, n, stream):
    """One modality in memory, and from the files that it was written to."""
    corpus = make_corpus(n, streams=(stream, Stream("face", 3, 5)))
    write_corpus(corpus, tmp_path / "native", "native")
    return corpus.modalities[0], load_corpus(tmp_path / "native").modalities[0]


def resident_file_pages() -> int:
    """Return bytes of mapped files that this process holds in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssFile:")[2].split()[0]) * 1024


RUN = st.tuples(st.integers(0, 59), st.integers(0, 60)).map(lambda ends: list(range(*ends)))


@given(
    st.lists(RUN | st.lists(st.integers(0, 59), max_size=9), max_size=5).map(
        lambda runs: [*chain(*runs)]
    )
)
def test_frames_read_from_the_file_are_those_of_the_mapping(stored_modality, frames):
    frames = np.asarray(frames, np.int64)
    found = stored_modality.read(frames)
    assert found.dtype == np.float32 and found.flags.writeable
    assert np.array_equal(found, stored_modality.values[frames])


@pytest.fixture(scope="module")
def stored_modality(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native") / "corpus"
    corpus = make_corpus(20, streams=THREE)
    write_corpus(corpus, folder, "native")
    found = load_corpus(folder).modalities[0]
    assert len(found.values) >= 60
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's own figures")
def test_features_that_were_read_are_let_go_of_and_read_again(tmp_path):
    held, mapped = held_and_mapped(tmp_path, 400, Stream("audio", 500, 60))
    before = resident_file_pages()
    total = float(mapped.values.sum())
    resident = resident_file_pages() - before
    assert resident > 0.8 * mapped.values.nbytes > 5_000_000
    mapped.release()
    assert resident_file_pages() - before < 0.2 * mapped.values.nbytes
    assert float(mapped.values.sum()) == total
    assert np.array_equal(held.values, mapped.values)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's own figures")
def test_frames_that_are_read_leave_no_page_of_the_mapping_behind(tmp_path):
    held, mapped = held_and_mapped(tmp_path, 400, Stream("audio", 500, 60))
    before = resident_file_pages()
    found = mapped.read(np.arange(len(mapped.values)))
    assert found.nbytes > 5_000_000
    assert resident_file_pages() - before < 0.1 * found.nbytes
    assert np.array_equal(found, held.values)


def test_a_file_that_becomes_shorter_is_an_error_and_not_noise(tmp_path):
    _, mapped = held_and_mapped(tmp_path, 20, Stream("audio", 30, 5))
    os.truncate(mapped.values_file, mapped.values_file.stat().st_size // 2)
    with pytest.raises(CorpusError, match=r"has become shorter; leave a corpus alone"):
        mapped.read(np.arange(len(mapped.values)))


def test_what_was_opened_is_read_whatever_becomes_of_the_path(tmp_path):
    held, mapped = held_and_mapped(tmp_path, 20, Stream("audio", 30, 5))
    mapped.values_file.unlink()
    np.save(mapped.values_file, np.zeros_like(mapped.values))
    assert np.array_equal(mapped.read(np.arange(len(mapped.values))), held.values)
