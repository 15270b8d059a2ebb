from pathlib import Path

import pytest

from merbench.corpus.load import (
    CorpusSpec,
    configure,
    load_corpus,
    parse_spec,
    read,
    recognised_by,
)
from merbench.errors import ConfigError, CorpusError
from tests.corpus.tables import write


def test_a_specification_names_a_reader_and_a_path(tmp_path):
    assert parse_spec("synthetic") == CorpusSpec("synthetic", None)
    assert parse_spec("mmin:some/where") == CorpusSpec("mmin", Path("some/where"))
    assert parse_spec("table:c:/odd") == CorpusSpec("table", Path("c:/odd"))


def test_the_reader_of_a_path_is_detected(tmp_path):
    folder = write(tmp_path / "a:b")
    assert recognised_by(folder) == ("table",)
    assert parse_spec(folder) == parse_spec(str(folder)) == CorpusSpec("table", folder)
    assert load_corpus(folder).fingerprint == load_corpus(f"table:{folder}").fingerprint


def test_a_reader_may_be_an_import_path(tmp_path):
    reader = "merbench.corpus.readers.table:TableReader"
    folder = write(tmp_path)
    assert parse_spec(f"{reader}:{folder}") == CorpusSpec(reader, folder)
    assert load_corpus(f"{reader}:{folder}").names == ("prosody", "text", "face")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("tabel:x", "no reader 'tabel'; did you mean 'table'"),
        ("table", "needs a path, table:PATH"),
        ("table:", "a path is missing"),
        ("synthetic:x", "takes no path"),
        ("pathlib:Path:x", "is no reader"),
    ],
)
def test_a_wrong_specification_is_explained(spec, words):
    with pytest.raises(ConfigError, match=words):
        parse_spec(spec)


def test_a_path_that_leads_nowhere_or_to_no_corpus_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"nowhere: no such file.*READER:PATH"):
        parse_spec("nowhere")
    with pytest.raises(
        CorpusError, match=r"no reader recognises.*mmin, mmsa, native, npy_dir, synthetic, table"
    ):
        parse_spec(tmp_path)


def test_a_folder_with_two_layouts_asks_which(tmp_path):
    folder = write(tmp_path)
    (folder / "A").mkdir()
    (folder / "A/comparE.h5").touch()
    (folder / "target").mkdir()
    with pytest.raises(CorpusError, match=r"mmin and table recognise this.*mmin:"):
        parse_spec(folder)


def test_each_new_layout_beside_a_table_asks_which(tmp_path):
    folder = write(tmp_path)
    for name in ("audio", "text"):
        (folder / name).mkdir()
        (folder / name / "u0.npy").touch()
    with pytest.raises(CorpusError, match=r"npy_dir and table recognise this.*npy_dir:"):
        parse_spec(folder)
    (folder / "corpus.pkl").touch()
    for name in ("manifest.json", "index.parquet"):
        (folder / name).touch()
    assert recognised_by(folder) == ("mmsa", "native", "npy_dir", "table")
    (folder / "features.npz").unlink()
    assert recognised_by(folder / "corpus.pkl") == ("mmsa",)
    assert recognised_by(folder / "index.csv") == ()


def test_settings_are_checked_and_belong_to_their_reader():
    assert len(load_corpus("synthetic", utterances=40)) == 40
    with pytest.raises(ConfigError, match="no setting 'sed'; did you mean 'seed'"):
        load_corpus("synthetic", sed=1)
    with pytest.raises(ConfigError, match=r"setting 'utterances'.*found '40'"):
        load_corpus("synthetic", utterances="40")
    with pytest.raises(ConfigError, match="takes TableConfig, not SyntheticConfig"):
        read("table", configure("synthetic"))
    with pytest.raises(ConfigError, match="'table' needs a path"):
        read("table", configure("table"))
