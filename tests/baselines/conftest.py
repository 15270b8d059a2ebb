"""What the losses of the baselines are held against."""

import pytest

from tests.methods.world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    """A corpus in which half of the utterances lack something."""
    return make_world(gaps=0.5)
