import json

import numpy as np
import pytest
from click.testing import CliRunner

from merbench.cli.data import data
from merbench.corpus.describe import describe
from merbench.corpus.load import load_corpus
from merbench.errors import ConfigError
from tests.corpus.tables import features, write


@pytest.fixture
def untidy(tmp_path):
    arrays = features()
    arrays["prosody"][:, 0] = [1, np.nan, 1, 1, 1, 1]
    arrays["prosody"][4] = np.nan
    arrays["prosody"][2, 3] = np.nan
    arrays["face_lengths"][5] = 0
    return write(tmp_path / "untidy", arrays)


def test_the_facts_of_an_untidy_corpus_are_counted(untidy):
    facts = describe(load_corpus(untidy))
    assert facts.utterances == 6
    assert facts.classes == {"happy": 3, "sad": 3}
    assert facts.groups == {"speaker": 3}
    prosody, text, face = facts.modalities
    assert (prosody.kind, prosody.width, prosody.absent) == ("vector", 4, 1)
    assert (prosody.nan_cells, prosody.nan_columns, prosody.constant_columns) == (2, 2, 1)
    assert (text.kind, text.shortest, text.longest, text.mean_length) == ("tokens", 1, 3, 2.0)
    assert (face.kind, face.absent, face.shortest, face.longest) == ("sequence", 1, 1, 5)
    assert face.mean_length == 3.0


def test_a_column_without_any_value_counts_as_constant(tmp_path):
    arrays = features()
    arrays["prosody"][:, 1] = np.nan
    prosody = describe(load_corpus(write(tmp_path, arrays))).modalities[0]
    assert (prosody.nan_cells, prosody.constant_columns) == (6, 1)


def test_fold_schemes_are_possible_or_refused_with_a_reason(untidy):
    schemes = {s.scheme: s for s in describe(load_corpus(untidy)).schemes}
    assert schemes["speaker"].folds == 3
    assert schemes["speaker"].refused is None
    assert schemes["session"].folds == 0
    assert "has none" in schemes["session"].refused
    assert "no folds of its own" in schemes["predefined"].refused


def invoke(*arguments):
    return CliRunner().invoke(data, arguments, catch_exceptions=False)


def test_describe_prints_tables_or_json(untidy):
    shown = invoke("describe", str(untidy))
    assert shown.exit_code == 0
    for word in ("untidy", "6 utterances", "3 speakers", "happy", "50.0%", "prosody", "tokens"):
        assert word in shown.stdout
    facts = json.loads(invoke("describe", f"table:{untidy}", "--json").stdout)
    assert facts["fingerprint"] == load_corpus(untidy).fingerprint
    assert facts["modalities"][0]["nan_cells"] == 2


@pytest.mark.parametrize("layout", ["table", "mmin"])
def test_synth_writes_the_corpus_that_the_reader_generates(tmp_path, layout):
    out = str(tmp_path / "corpus")
    size = ("--utterances", "60", "--seed", "3")
    assert invoke("synth", "--out", out, "--layout", layout, *size).exit_code == 0
    options = {"classes": ("angry", "happy", "neutral", "sad")} if layout == "mmin" else {}
    expected = load_corpus("synthetic", utterances=60, seed=3)
    assert load_corpus(out, **options).fingerprint == expected.fingerprint
    with pytest.raises(ConfigError, match="holds a corpus; --force replaces it"):
        invoke("synth", "--out", out, "--layout", layout, *size)
    assert invoke("synth", "--out", out, "--force", *size).exit_code == 0
    assert load_corpus(f"table:{out}").fingerprint == expected.fingerprint


def test_synth_can_take_the_shape_of_iemocap(tmp_path):
    out = str(tmp_path / "corpus")
    invoke("synth", "--out", out, "--shape", "iemocap", "--utterances", "40")
    assert [m.width for m in load_corpus(out).modalities] == [130, 342, 1024]


def test_synth_names_a_setting_that_is_out_of_range(tmp_path):
    with pytest.raises(ConfigError, match="utterances"):
        invoke("synth", "--out", str(tmp_path / "corpus"), "--utterances", "3")
    assert list(tmp_path.iterdir()) == []
