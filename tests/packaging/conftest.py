"""The distributions, built once from a copy of the tree, and one of them installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging.environment import bare
from tests.plugins.environment import Environment

ROOT = Path(__file__).parents[2]
PARTS = ("merbench", "baselines", "suites", "docs", "examples", "tests")
STRAY = shutil.ignore_patterns("__pycache__", "*.py[cod]", "build", "*.egg-info", ".*_cache")


@dataclass(frozen=True)
class Built:
    """What was built, and from what."""

    source: Path
    sdist: Path
    wheel: Path

    def metadata(self) -> Message:
        """Return the wheel's metadata."""
        with ZipFile(self.wheel) as opened:
            (name,) = (n for n in opened.namelist() if n.endswith(".dist-info/METADATA"))
            return HeaderParser().parsestr(opened.read(name).decode("utf-8"))

    def tree(self, *parts: str) -> set[str]:
        """Return the files of folders in the source."""
        files = (path for part in parts for path in (self.source / part).rglob("*"))
        return {str(path.relative_to(self.source)) for path in files if path.is_file()}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The source distribution, and the wheel that is built from it, as installers do."""
    folder = tmp_path_factory.mktemp("built")
    source, out = folder / "source", folder / "dist"
    source.mkdir()
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=STRAY)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Built(source, sdist, wheel)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel in an environment that has what it asks for, and no extras."""
    requires = built.metadata().get_all("Requires-Dist", [])
    return bare(tmp_path_factory.mktemp("installed") / "venv", built.wheel, requires)
