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
