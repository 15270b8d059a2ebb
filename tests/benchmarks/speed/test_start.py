"""The start of a command, beside that of a process which imports one large package."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.speed.beside import SPEED, beside

pytestmark = SPEED
COMMAND = "from merbench.cli import main; main()"


@pytest.mark.parametrize(
    ("arguments", "imported", "rounds"),
    [(("--help",), "numpy", 9), (("list", "methods"), "torch", 3)],
    ids=["help", "list methods"],
)
def test_start(benchmark, arguments, imported, rounds):
    beside(
        benchmark,
        lambda: python(f"import {imported}"),
        lambda: python(COMMAND, *arguments),
        rounds=rounds,
        warmup=0,
    )


def python(program: str, *arguments: str) -> None:
    """Run a program as a process, to its end."""
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
