"""An environment with what merbench asks for and nothing else, made without a network.

Every package that the wheel needs, and what these need in turn, is linked from the environment that
runs the tests. What is an extra, or used without being asked for, is missing there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.plugins.environment import Environment, Said

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def bare(folder: Path, wheel: Path, requires: list[str]) -> Environment:
    """Make one, and install a wheel in it.

    Args:
        folder: where to.
        wheel: to install.
        requires: its `Requires-Dist`.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    made = Environment(folder)
    for name in needed(requires):
        _link(name, made.site)
    said = pip(made, "install", "--quiet", "--no-deps", "--no-index", wheel)
    assert said.code == 0, said.err
    return made


def pip(environment: Environment, *arguments: object) -> Said:
    """Run this environment's pip on another."""
    python = environment.folder / "bin" / "python"
    return Environment.run((*PIP, "--python", python, *arguments), environment.folder)


def command(environment: Environment, *arguments: object, cwd: Path | None = None) -> Said:
    """Run the command that is installed, as a user would."""
    program = environment.folder / "bin" / "merbench"
    return Environment.run((program, *arguments), cwd or environment.folder)


def needed(requires: list[str]) -> set[str]:
    """Return the packages that are asked for without extras, and what they ask for."""
    found: set[str] = set()
    open_ends = list(_asked(requires, ""))
    while open_ends:
        wanted = open_ends.pop()
        name = canonicalize_name(wanted.name)
        theirs = distribution(name).requires or []
        for extra in wanted.extras:
            open_ends += _asked(theirs, extra)
        if name not in found:
            found.add(name)
            open_ends += _asked(theirs, "")
    return found


def _asked(requires: list[str], extra: str) -> Iterator[Requirement]:
    for each in map(Requirement, requires):
        if each.marker is None or each.marker.evaluate({"extra": extra}):
            yield each


def _link(name: str, site: Path) -> None:
    package = distribution(name)
    for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(package.locate_file(top))))
