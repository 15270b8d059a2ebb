"""The pages of the guide and the blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block is meant to be, if its first line says so."""
        found = FILE.match(self.text)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page(name: str) -> str:
    """Return the text of a page of the guide, or the README."""
    return ((ROOT if name == "README.md" else DOCS) / name).read_text("utf-8")


def blocks_of(name: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page(name)
    return [
        Block(name, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


PAGES = ("README.md", *sorted(path.name for path in DOCS.glob("*.md")))
BLOCKS = tuple(block for name in PAGES for block in blocks_of(name))
