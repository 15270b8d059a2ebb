"""A fresh virtual environment in which packages of plug-ins are installed as wheels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
FOLDER = "merbench_example"


@dataclass(frozen=True)
class Said:
    """What a program printed, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees all that this one has installed."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Environment:
        """Make one."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        made = cls(folder)
        base = sysconfig.get_paths()["purelib"]
        # As a site folder, so that its own path files count, such as that of an editable install.
        line = f"import site; site.addsitedir({base!r})\n"
        (made.site / "base.pth").write_text(line, "utf-8")
        return made

    @property
    def site(self) -> Path:
        """Where its packages lie."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def __call__(self, *arguments: object, cwd: Path | None = None) -> Said:
        """Run its Python."""
        python = self.folder / "bin" / "python"
        return self.run([python, *arguments], cwd or self.folder)

    @staticmethod
    def run(arguments: Iterable[object], cwd: Path) -> Said:
        """Run a program, on one thread and without variables of merbench's."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MERBENCH_")}
        done = subprocess.run(
            [*map(str, arguments)],
            cwd=cwd,
            env={**environment, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def merbench(self, *arguments: object) -> Said:
        """Run the command line."""
        return self("-c", "from merbench.cli import main; main()", *arguments)

    def install(self, source: Path) -> None:
        """Build a package to a wheel, and install that."""
        wheels = self.folder / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        offline = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
        pip = [sys.executable, "-m", "pip"]
        build = [*pip, "wheel", *offline, "--no-build-isolation", "-w", str(wheels), str(source)]
        subprocess.run(build, check=True)
        (wheel,) = wheels.glob("*.whl")
        python = str(self.folder / "bin" / "python")
        install = [*pip, "--python", python, "install", *offline, "--force-reinstall", str(wheel)]
        subprocess.run(install, check=True)


def copy_of_example(folder: Path) -> Path:
    """Copy the example package, to be built or broken."""
    return Path(shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "*.egg*")))
