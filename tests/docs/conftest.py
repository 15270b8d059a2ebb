"""Where walks begin."""

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
def walk(tmp_path: Path, suites: Path) -> Walk:
    """A walk that begins in an empty folder, on small suites."""
    return Walk(tmp_path, suites)


@pytest.fixture
def walk_in_full(tmp_path: Path) -> Walk:
    """The same on the suites that ship, for a page that makes them small itself."""
    return Walk(tmp_path, None)
