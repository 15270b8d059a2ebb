import shutil

import pytest


@pytest.fixture
def copied(tiny_run, tmp_path):
    """A run to change: the tiny suite's, complete."""
    return shutil.copytree(tiny_run, tmp_path / "copied")
