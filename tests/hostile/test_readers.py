"""Corpora that mean harm are refused in one clear message, and do none."""

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.sandbox import command

CASES = [(layout, name) for layout, attacks in ATTACKS.items() for name in attacks]
# A refusal costs less than this, whatever the file says it would unpack to.
MOST_GROWN = 512 << 20


@pytest.mark.parametrize("layout", ATTACKS)
def test_what_is_spoilt_below_is_sound_before(corpus_copy, tmp_path, layout):
    folder = corpus_copy(layout)
    said = command("data", "describe", f"{layout}:{folder}", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize(("layout", "name"), CASES, ids=[f"{a}: {b}" for a, b in CASES])
def test_a_corpus_that_means_harm_does_none(corpus_copy, tmp_path, layout, name):
    folder = corpus_copy(layout)
    ATTACKS[layout][name](folder)
    before = sorted(tmp_path.rglob("*"))
    said = command("data", "describe", f"{layout}:{folder}", cwd=tmp_path)
    assert str(folder) in said.refused()
    assert said.grown < MOST_GROWN
    assert said.seconds < 10
    assert sorted(tmp_path.rglob("*")) == before
    assert not [m for m in said.imported if not m.startswith(("merbench", "encodings"))]


@pytest.mark.parametrize("layout", ATTACKS)
def test_ids_that_lead_elsewhere_are_not_followed_when_a_corpus_is_written(
    corpus_copy, tmp_path, layout
):
    folder = corpus_copy("table")
    index = (folder / "index.csv").read_text("utf-8")
    for old, new in (("u001", "../../../escaped"), ("u002", f"{tmp_path}/escaped"), ("u003", "..")):
        index = index.replace(old, new)
    (folder / "index.csv").write_text(index, "utf-8")
    typed = ("data", "convert", f"table:{folder}", "--layout", layout, "--out", "out")
    refused = command(*typed, cwd=tmp_path).read_or_refused()
    expected = ["corpus"] if refused else ["corpus", "out"]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
