"""Where walks begin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.walk import Walk, small_suites


@pytest.fixture(scope="session")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small suites by the names of those that ship."""
    folder: Path = tmp_path_factory.mktemp("suites")
    small_suites(folder)
    return folder


@pytest.fixture
def walk(tmp_path: Path, suites: Path) -> Callable[[], Walk]:
    """Begin a walk in an empty folder."""

    return lambda: Walk(tmp_path, suites)
