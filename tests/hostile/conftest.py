"""A sound corpus of each layout: copy it, then spoil it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.layouts.write import LAYOUTS, write_corpus
from tests.corpora import make_corpus
from tests.hostile.world import write_world


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same corpus in every layout, in folders of the layouts' names."""
    folder = tmp_path_factory.mktemp("sound")
    corpus = make_corpus()
    parts = (np.arange(8), np.arange(8, 12), np.arange(12, 24))
    corpus = replace(corpus, predefined=(PredefinedFold("1", *parts),))
    for layout in LAYOUTS:
        write_corpus(corpus, folder / layout, layout)
    return folder


@pytest.fixture(scope="session")
def world(sound: Path, tiny_run: Path) -> Path:
    """The corpora, with a suite, a run, references and predictions beside them."""
    return write_world(sound, tiny_run)


@pytest.fixture
def corpus_copy(sound: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy the corpus of a layout into a folder of its own."""
    return lambda layout: shutil.copytree(sound / layout, tmp_path / "corpus")
