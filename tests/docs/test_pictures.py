"""The pictures of grid.md show the damage that methods meet, and are those that are committed."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

from merbench import registry
from tests.docs.blocks import DOCS, page

PICTURES = runpy.run_path(str(DOCS / "pictures.py"))


@pytest.fixture(scope="module")
def damaged():
    return PICTURES["damaged_utterances"](60)


def test_every_noise_has_its_picture_on_the_page(damaged):
    ours = {*registry.names("noises")}
    assert {each.noise for each in damaged} == ours
    for name in ours:
        assert f"![{name}](pictures/{name}.png)" in page("grid.md")
        assert f"### {name}\n" in page("grid.md")
        assert (DOCS / "pictures" / f"{name}.png").is_file()


def test_a_picture_begins_clean_and_damage_grows(damaged):
    for each in damaged:
        clean, *worse = each.frames.values()
        differ = [float(np.square(frames - clean).mean()) for frames in worse]
        assert differ[0] > 0
        # What moves may come nearer again by chance; all else only goes away.
        assert each.noise in ("shift", "freeze") or differ == sorted(differ), each.noise


def test_they_are_small():
    sizes = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert all(size < 200_000 for size in sizes.values()), sizes
