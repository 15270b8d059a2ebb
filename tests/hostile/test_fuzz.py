"""Sound files with bytes changed, cut off and moved about: read, or refused in one clear message.

Each example is a command in a process of its own, so that a crash of a C library, a hang and a
memory that grows are found as well. The ordinary profile takes seconds, the `slow` one longer.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.hostile.sandbox import command
from tests.hostile.world import TARGETS

FEW, MANY = 12, 100


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[str, float, float, bytes]]:
    """Draw some changes, their places as shares of the file."""
    place = st.floats(0, 1, exclude_max=True)
    kinds = st.sampled_from(("flip", "flip", "set", "cut", "drop", "repeat", "insert", "number"))
    change = st.tuples(kinds, place, place, st.binary(min_size=1, max_size=8))
    return draw(st.lists(change, min_size=1, max_size=4))


def damaged(data: bytes, changes: list[tuple[str, float, float, bytes]]) -> bytes:
    """Apply changes to bytes."""
    found = bytearray(data)
    for kind, first, second, extra in changes:
        if not found:
            break
        at, other = int(first * len(found)), int(second * len(found))
        if kind == "flip":
            found[at] ^= 1 << (extra[0] % 8)
        elif kind == "set":
            found[at : at + len(extra)] = extra
        elif kind == "cut":
            del found[at:]
        elif kind == "drop":
            del found[min(at, other) : max(at, other)]
        elif kind == "repeat":
            found[at:at] = found[other : other + 64]
        elif kind == "insert":
            found[at:at] = extra
        else:
            found[at : at + 8] = b"\xff" * 7 + extra[:1]
    return bytes(found)


def fuzz(name: str, world: Path, folder: Path, examples: int) -> int:
    """Damage the file of a target in many ways; return how often it was refused."""
    target = TARGETS[name]
    refused = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damage())
    def one(changes: list[tuple[str, float, float, bytes]]) -> None:
        nonlocal refused
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(world / target.folder, copy)
        spoilt = copy / target.file
        spoilt.write_bytes(damaged(spoilt.read_bytes(), changes))
        arguments = [a.format(copy=copy, world=world, out=folder / "out") for a in target.typed]
        refused += command(*arguments, cwd=folder).read_or_refused()

    one()
    return refused


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused(world, tmp_path, name):
    fuzz(name, world, tmp_path, FEW // 3 if name.startswith("imported") else FEW)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", TARGETS)
def test_a_file_damaged_in_many_ways_is_read_or_refused(world, tmp_path, name):
    assert fuzz(name, world, tmp_path, MANY) > 0


@pytest.mark.parametrize("name", TARGETS)
def test_the_file_is_read_before_it_is_damaged(world, tmp_path, name):
    target = TARGETS[name]
    shutil.copytree(world / target.folder, tmp_path / "copy")
    names = {"copy": tmp_path / "copy", "world": world, "out": tmp_path / "out"}
    said = command(*(a.format(**names) for a in target.typed), cwd=tmp_path)
    assert said.code == 0, said.err
