"""`merbench data`: describe, check, convert, synth."""

import json

import numpy as np
import pytest

from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from tests.conftest import names
from tests.corpora import make_corpus
from tests.corpus import test_mmin as mmin
from tests.corpus import test_mmsa as mmsa
from tests.corpus import test_npy_dir as npy_dir
from tests.corpus.tables import features, rows, write


def test_a_sound_corpus_passes_with_what_is_tidied(merbench, tmp_path):
    arrays = features()
    arrays["prosody"][1, 0] = np.nan
    said = merbench("data", "check", write(tmp_path / "c", arrays))
    assert said.code == 0
    assert said.out.splitlines() == [
        "note: prosody: 1 NaN values in 1 columns become the training mean of their column",
        "no problem found in 6 utterances of c",
    ]


def test_problems_are_listed_one_a_line_and_counted(merbench, tmp_path):
    index = rows()
    index[3] = ("u1", "", "s0")
    folder = write(tmp_path / "c", index=index)
    said = merbench("data", "check", folder)
    assert said.code == 2
    assert [line.partition(":")[0] for line in said.out.splitlines()] == [
        f"{folder}/index.csv, line 5, column 'utterance'",
        f"{folder}/index.csv, line 5, column 'label'",
    ]
    assert said.err == f"2 problems in {folder} (duplicate id 1, missing label 1)\n"


def test_check_says_the_same_as_json(merbench, tmp_path):
    folder = write(tmp_path / "c", index=[*rows()[:5], ("u5", "", "s0")])
    said = merbench("data", "check", folder, "--json")
    assert said.code == 2
    report = json.loads(said.out)
    assert report["total"] == 1
    assert report["counts"] == {"missing label": 1}
    assert report["problems"][0]["text"].startswith(f"{folder}/index.csv, line 7")
    said = merbench("data", "check", write(tmp_path / "d"), "--json")
    assert (said.code, json.loads(said.out)["total"]) == (0, 0)


def test_what_is_no_corpus_is_refused(merbench, tmp_path):
    said = merbench("data", "check", tmp_path)
    assert said.code == 2
    assert "no reader recognises this layout" in said.err


def test_settings_of_the_reader_are_given_in_yaml(merbench, tmp_path):
    folder = write(tmp_path / "c")
    setting = ("--set", "kinds={face: tokens}", "--set", "classes=[sad, happy]")
    facts = json.loads(merbench("data", "describe", folder, *setting, "--json").out)
    assert [m["kind"] for m in facts["modalities"]] == ["vector", "tokens", "tokens"]
    assert list(facts["classes"]) == ["sad", "happy"]
    said = merbench("data", "describe", folder, "--set", "kind={}")
    assert said.code == 2
    assert "did you mean 'kinds'" in said.err


def test_convert_writes_the_native_layout_that_is_read_without_settings(merbench, tmp_path):
    parts = mmsa.content()
    for fields in parts.values():
        del fields["annotations"], fields["classification_labels"]
    path = mmsa.write(tmp_path / "mosi.pkl", parts)
    bins = "bin={at: [-0.5, 0.5], names: [low, middle, high]}"
    said = merbench("data", "convert", path, "--set", bins, "--out", tmp_path / "native")
    assert said.code == 0, said.err
    assert said.out == f"8 utterances in native:{tmp_path / 'native'}\n"
    assert "same fingerprint" in said.err
    corpus = load_corpus(tmp_path / "native")
    assert (corpus.name, corpus.classes) == ("mosi", ("low", "middle", "high"))
    assert merbench("data", "check", tmp_path / "native").code == 0


def test_what_a_layout_does_not_keep_is_said(merbench, tmp_path):
    write_corpus(make_corpus(), tmp_path / "t", "table")
    said = merbench("data", "convert", tmp_path / "t", "--layout", "mmin", "--out", tmp_path / "m")
    assert said.code == 0
    assert said.err.splitlines() == [
        f"the mmin layout does not keep the {group}s"
        for group in ("dialogue", "session", "speaker")
    ]


def test_a_pattern_on_the_ids_keeps_groups_that_a_layout_has_no_column_for(merbench, tmp_path):
    index = [(f"d{i % 2}-s{i // 2}-{i}", label, f"s{i // 2}") for i, (_, label, _) in
             enumerate(rows())]  # fmt: skip
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(6, 3)) for name in ("audio", "visual", "text")}
    table = write(tmp_path / "t", arrays, index)
    pattern = r"ids='(?P<dialogue>d\d)-(?P<speaker>s\d)-\d'"
    said = merbench("data", "convert", table, "--set", pattern, "--layout", "mmin",
                    "--out", tmp_path / "m")  # fmt: skip
    assert said.code == 0, said.err
    assert "same fingerprint" in said.err
    assert load_corpus(tmp_path / "m").dialogues.tolist() == [
        name[:2] for name in load_corpus(tmp_path / "m").utterances
    ]


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("mmsa", "holds text, audio and vision (or visual); corpus 't' has prosody, text, face"),
        ("mmin", "holds audio, visual, text; corpus 't' has prosody, text, face"),
    ],
)
def test_a_conversion_that_cannot_be_leaves_no_trace(merbench, tmp_path, layout, words):
    write(tmp_path / "t")
    said = merbench("data", "convert", tmp_path / "t", "--layout", layout, "--out", tmp_path / "o")
    assert said.code == 2
    assert words in said.err
    assert names(tmp_path) == ["t"]


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 252])
def test_an_id_that_cannot_be_a_file_is_refused_by_npy_dir(merbench, tmp_path, name):
    write(tmp_path / "t", index=[(name, "sad", "s0"), *rows()[1:]])
    said = merbench("data", "convert", tmp_path / "t", "--layout", "npy_dir",
                    "--out", tmp_path / "o")  # fmt: skip
    assert said.code == 2
    assert "cannot be the name of a file" in said.err
    assert names(tmp_path) == ["t"]


def test_a_corpus_is_replaced_only_by_force(merbench, tmp_path):
    write(tmp_path / "t")
    arguments = ("data", "convert", tmp_path / "t", "--out", tmp_path / "o")
    assert merbench(*arguments).code == 0
    said = merbench(*arguments)
    assert said.code == 2
    assert "--force replaces" in said.err
    assert merbench(*arguments, "--force", "--layout", "npy_dir").code == 0
    assert names(tmp_path / "o") == ["corpus.json", "face", "labels.csv", "prosody", "text"]


def test_help_shows_examples_as_lines_of_their_own(merbench):
    lines = merbench("data", "convert", "--help").out.splitlines()
    assert "  merbench data convert table:iemocap --out iemocap-native" in lines


def test_an_unknown_layout_is_refused(merbench, tmp_path):
    said = merbench("data", "convert", "synthetic", "--out", tmp_path / "o", "--layout", "nativ")
    assert said.code == 2
    assert names(tmp_path) == []


@pytest.mark.parametrize("layout", ["table", "native", "npy_dir", "mmsa", "mmin"])
def test_synth_writes_any_layout(merbench, tmp_path, layout):
    said = merbench("data", "synth", "--out", tmp_path / "o", "--layout", layout,
                    "--utterances", 40)  # fmt: skip
    assert said.code == 0, said.err
    assert load_corpus(tmp_path / "o").fingerprint == (
        load_corpus("synthetic", utterances=40).fingerprint
    )


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("t", "t: is t, which the corpus is read from"),
        ("link", "link: is t, which the corpus is read from"),
        ("t/native", "t/native: lies in t, which"),
        (".", ".: holds t, which"),
    ],
)
def test_a_corpus_is_never_converted_onto_itself(merbench, tmp_path, out, words):
    write(tmp_path / "t")
    (tmp_path / "link").symlink_to("t")
    before = sorted(tmp_path.rglob("*"))
    said = merbench("data", "convert", "t", "--out", out, "--force")
    assert said.code == 2
    assert said.err.startswith(f"Error: {words}")
    assert sorted(tmp_path.rglob("*")) == before
    assert load_corpus(tmp_path / "t").names == ("prosody", "text", "face")


def test_a_folder_that_is_taken_is_named_as_it_was_typed(merbench, tmp_path):
    write(tmp_path / "t")
    write(tmp_path / "o")
    said = merbench("data", "convert", "t", "--out", "o")
    assert said.err == "Error: o: holds a corpus; --force replaces it\n"


BAD = "u\ud800"  # half of a character, which no file takes


def spoil_pickle(path, field, value):
    parts = mmsa.content(lengths=False)
    for n, fields in zip(mmsa.COUNTS.values(), parts.values(), strict=True):
        fields["speaker"], fields["audio_lengths"] = ["s"] * n, [1] * n
    if field == "vision":
        for n, fields in zip(mmsa.COUNTS.values(), parts.values(), strict=True):
            fields["vision"] = np.zeros((n, 0, 2))
    elif field == "field":
        parts["train"][value] = parts["train"].pop("id")
    elif field == "part":
        parts[value] = {}
    else:
        parts["train"][field] = [*list(parts["train"][field])[:-1], value]
    return mmsa.write(path, parts)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("vision", None, "modality 'visual' has no value for any utterance"),
        ("id", 10**5000, "field 'id', entry 3: a whole number of 16610 bits"),
        ("audio_lengths", 10**5000, "field 'audio_lengths', entry 3: a whole number"),
        ("part", 10**5000, "unknown part int"),
        ("field", 10**5000, "no field 'id'"),
        ("part", BAD, "unknown part 'u\\ud800'"),
        ("field", BAD, "no field 'id'"),
        ("id", BAD, "field 'id', entry 3: 'u\\ud800' cannot be a name"),
        ("annotations", BAD, "field 'annotations', entry 3: 'u\\ud800' cannot be a name"),
        ("speaker", BAD, "field 'speaker', entry 3: 'u\\ud800' cannot be a name"),
    ],
    ids=range(10),  # pytest cannot write them either
)
@pytest.mark.parametrize("command", ["check", "describe"])
def test_what_no_file_could_hold_is_a_problem_of_a_pickle(
    merbench, tmp_path, command, field, value, words
):
    path = spoil_pickle(tmp_path / "a.pkl", field, value)
    said = merbench("data", command, path)
    assert said.code == 2
    assert f"{path}" in said.out + said.err
    assert words in said.out + said.err
    (said.out + said.err).encode()


@pytest.mark.parametrize("content", ['{"name": "c\\ud800"}', '{"classes": ["sad", "happ\\udfff"]}'])
def test_a_side_file_with_text_that_cannot_be_written_is_refused(merbench, tmp_path, content):
    folder = write(tmp_path / "c")
    (folder / "corpus.json").write_text(content)
    for arguments in (("check", folder), ("describe", folder), ("convert", folder, "--out", "o")):
        said = merbench("data", *arguments)
        assert said.code == 2
        assert "corpus.json, field '" in said.out + said.err
        assert "cannot be a name" in said.out + said.err
    assert names(tmp_path) == ["c"]


def test_a_reader_s_setting_that_cannot_be_written_is_refused(merbench, tmp_path):
    folder = write(tmp_path / "c")
    classes = r'classes=["sad", "happy", "x\ud800"]'
    said = merbench("data", "describe", folder, "--set", classes)
    assert said.code == 2
    assert said.err.startswith("Error: ")


def test_ids_of_mmin_that_cannot_be_written_are_refused(merbench, tmp_path):
    folder = mmin.write(tmp_path / "c")
    path = folder / "target/1/trn_int2name.npy"
    ids = np.load(path).reshape(-1).astype("U99")
    ids[0] = BAD
    np.save(path, ids)
    said = merbench("data", "check", folder)
    assert said.code == 2
    assert f"{path}: utterance 'u\\ud800' cannot be a name" in said.out


def test_a_folder_in_the_place_of_a_file_is_said_to_be_one(merbench, tmp_path):
    folder = npy_dir.write(tmp_path / "c")
    path = next(folder.glob("*/u2.npy"))
    path.unlink()
    path.mkdir()
    said = merbench("data", "check", folder)
    assert said.out.splitlines()[0] == f"{path.parent}: u2.npy: is a folder, expected an npy file"
    (table := next(folder.glob("*.csv"))).unlink()
    table.mkdir()
    assert f"{table}: is a folder, expected a csv" in merbench("data", "describe", folder).err


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_csv_with_another_separator_is_said_to_have_it(merbench, tmp_path, mark):
    index = write(tmp_path / "c") / "index.csv"
    index.write_text(index.read_text().replace(",", mark))
    said = merbench("data", "check", tmp_path / "c")
    (line,) = said.out.splitlines()
    assert line.startswith(f"{index}, line 1: one column ")
    assert line.endswith(f"; is the separator {mark!r}? expected ','")
