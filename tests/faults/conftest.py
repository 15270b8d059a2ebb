import os
import subprocess

import pytest

from tests.faults.campaign import reference
from tests.faults.nursery import nursery


@pytest.fixture(scope="session")
def ward(tmp_path_factory):
    """A folder with an undisturbed run of the small suite."""
    return tmp_path_factory.mktemp("ward")


@pytest.fixture(scope="session")
def nurse(ward):
    """What forks runs."""
    with nursery(ward) as found:
        yield found


@pytest.fixture(scope="session")
def whole(nurse, ward):
    """The undisturbed run."""
    return reference(nurse, ward)


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, to be filled or closed: mount(options) mounts it anew, or once more."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return place

    if os.geteuid():
        pytest.skip("only root mounts file systems")
    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)
