"""A walk through a page: its blocks, in order, in a folder that holds what the page makes.

Suites that ship are the same by name and structure, and small: two folds of sixty utterances, one
epoch, two severities. A package of that name, put before the installed one, has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.docs.apart import why_not
from tests.docs.blocks import DOCS, ROOT, Block, blocks_of

SHELLS = ("sh", "bash")
PATIENCE = 1500
SMALL: dict[str, Any] = {"preset": "quick", "epochs": 1, "decay_epochs": 0}
STUDIES = ("quick", "gate", "full_grid")  # the others ask for corpora of their own


def small_suites(folder: Path) -> None:
    """Write small suites by the names of those that ship, as a package."""
    package = folder / "merbench_suites"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    for name in STUDIES:
        suite = yaml.load((ROOT / "suites" / f"{name}.yaml").read_text("utf-8"))
        suite["corpus"]["utterances"] = 60
        if suite["folds"]["scheme"] == "group_kfold":
            suite["folds"] |= {"n": 3, "limit": 2}
        else:
            suite["folds"]["limit"] = 2
        suite["training"] = SMALL
        suite["methods"] = [m if isinstance(m, str) else m["name"] for m in suite["methods"]]
        for noise in suite["grid"]["noise"]:
            noise["severities"] = noise["severities"][:2]
        with (package / f"{name}.yaml").open("w", encoding="utf-8") as file:
            file.write("# Small.\n")
            yaml.dump(suite, file)


@dataclass
class Walk:
    """A folder, and what was printed in it so far."""

    folder: Path
    suites: Path | None
    printed: str = ""
    program: list[str] = field(default_factory=list)
    promised: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let scripts of the guide be found as from a checkout."""
        (self.folder / "docs").symlink_to(DOCS)

    def along(self, name: str) -> None:
        """Do what every block of a page says."""
        for block in blocks_of(name):
            if why_not(block) is None:
                self.do(block)
        self.run_program(f"the end of {name}")

    def do(self, block: Block) -> None:
        """Do what one block says."""
        if block.file is not None:
            (self.folder / block.file).write_text(block.text, "utf-8")
        elif block.language == "python":
            self.program.append(block.text)
        elif block.language in SHELLS:
            self.run_program(str(block))
            self.shell(block.text, str(block))
        elif block.language == "diff":
            self.change(block)
        elif block.language == "text":
            self.promised.append(block)
            if not self.program:
                self.check_printed()

    def run_program(self, where: str) -> None:
        """Run the Python blocks since the last shell block, as one program."""
        if self.program:
            (self.folder / "program.py").write_text("\n".join(self.program), "utf-8")
            self.program = []
            self._run([sys.executable, "-W", "error", "program.py"], where)
        self.check_printed()

    def check_printed(self) -> None:
        """Check that what the page promises was printed."""
        for block in self.promised:
            assert block.text in self.printed, f"{block}: not printed; {self.printed[-2000:]}"
        self.promised = []

    def shell(self, script: str, where: str) -> None:
        """Run a shell block; it stops at the first command that fails."""
        self._run(["bash", "-euo", "pipefail", "-c", script], where)

    def change(self, block: Block) -> None:
        """Change a file as a diff says, line by line."""
        lines = block.text.splitlines()
        file = self.folder / lines[1].split()[1]
        removed = [line[1:] for line in lines[2:] if line.startswith("-")]
        added = [line[1:] for line in lines[2:] if line.startswith("+")]
        text = file.read_text("utf-8")
        for old, new in zip(removed, added, strict=True):
            assert text.count(f"{old}\n") == 1, f"{block}: {old!r} is not in {file.name} once"
            text = text.replace(f"{old}\n", f"{new}\n")
        file.write_text(text, "utf-8")

    def _run(self, command: list[str], where: str) -> None:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        self.printed += ended.stdout
        assert ended.returncode == 0, f"{where}: {ended.stdout[-2000:]}\n{ended.stderr[-3000:]}"

    def environment(self) -> dict[str, str]:
        """Return the variables: no setting from outside, small suites, our interpreter first."""
        kept = {name: value for name, value in os.environ.items() if "MERBENCH" not in name}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {
            "HOME": str(self.folder / "home"),
            "MERBENCH_JOBS": "1",
            "OMP_NUM_THREADS": "1",
            "PATH": path,
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "PYTHONPATH": str(self.suites or ""),
        }
