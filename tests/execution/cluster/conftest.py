import json

import pytest

from merbench.cli import call
from tests.conftest import TINY
from tests.execution.cluster.elsewhere import cluster

# Enough cells that a run can be met in the middle of its work.
LONGER = {**TINY, "seeds": [*range(8)]}
CELLS = 3 * 2 * 8


@pytest.fixture(scope="session")
def longer_run(tmp_path_factory):
    """The longer suite, run with one job."""
    folder = tmp_path_factory.mktemp("longer")
    suite = folder / "longer.yaml"
    suite.write_text(json.dumps(LONGER), "utf-8")
    run = folder / "run"
    assert call(["run", str(suite), "--out", str(run), "--jobs", "1", "--json"]) == 0
    return run


@pytest.fixture
def longer(merbench):
    """The suite's file."""
    return merbench.suite(seeds=LONGER["seeds"])


@pytest.fixture
def two_workers(tmp_path):
    """A cluster of someone else's with two workers."""
    with cluster(tmp_path / "cluster", 2) as found:
        yield found
