"""The suites that come with merbench."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

_SHIPPED = "merbench_suites"


class ShippedSuite(NamedTuple):
    """A suite that comes with merbench.

    Attributes:
        name: what `load_suite` takes.
        description: the comment its file begins with.
    """

    name: str
    description: str


def shipped() -> tuple[ShippedSuite, ...]:
    """Return the suites that come with merbench, by name."""
    found = (entry for entry in files(_SHIPPED).iterdir() if entry.name.endswith(".yaml"))
    return tuple(
        ShippedSuite(entry.name.removesuffix(".yaml"), _description(entry.read_text("utf-8")))
        for entry in sorted(found, key=lambda entry: entry.name)
    )


def _description(text: str) -> str:
    """Return the comment lines that a file begins with, as one."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return " ".join(line.lstrip("# ") for line in lines[:end])


def text_of(name: str) -> str:
    """Return the text of a shipped suite."""
    return files(_SHIPPED).joinpath(f"{name}.yaml").read_text("utf-8")
