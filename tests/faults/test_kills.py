"""Runs that are killed, and taken up by the same command."""

import pytest

from tests.faults.campaign import (
    CELLS,
    Tally,
    disturbed,
    first_of_each_kind,
    killed_at_moments,
    killed_at_writes,
    killed_while_it_discards,
    kind_of,
)

# What comes at these is nowhere else: the first line of the log, a cell that takes its place, and
# a table.
_FEW = ("open log/run.log", "rename cells/.writing-*", "rename .results.parquet.part")


def test_a_run_that_is_killed_at_a_write_loses_nothing(nurse, whole, tmp_path):
    kinds = [kind_of(write) for write in whole.forked.writes]
    tally = Tally()
    killed_at_writes(nurse, whole, tmp_path, [kinds.index(kind) for kind in _FEW], tally)
    assert tally.kills == tally.runs == len(_FEW)
    assert tally.kept == 0 + 1 + (CELLS + 1)
    assert tally.clean, tally


@pytest.mark.slow
def test_at_every_kind_of_write(nurse, whole, tmp_path):
    tally = Tally()
    places = first_of_each_kind(whole.forked.writes)
    assert len(places) >= 38
    killed_at_writes(nurse, whole, tmp_path, places, tally)
    assert tally.kills == tally.runs == len(places)
    assert tally.clean, tally


@pytest.mark.slow
def test_at_25_random_moments(nurse, whole, tmp_path):
    tally = Tally()
    killed_at_moments(nurse, whole, tmp_path, 25, tally)
    assert tally.kills == 25
    assert tally.clean, tally


@pytest.mark.slow
def test_while_it_discards_what_was_there(nurse, whole, ward, tmp_path):
    tally = Tally()
    killed_while_it_discards(nurse, whole, ward, tally, step=4)
    assert tally.kills == tally.runs >= 3
    assert tally.clean, tally


@pytest.mark.slow
def test_killed_again_and_again_a_run_comes_to_its_end(nurse, whole, tmp_path):
    """Each start is killed at a later write than the one before, in one and the same directory."""
    tally = Tally()
    for place in range(2, 14, 3):
        disturbed(nurse, whole, tmp_path / "run", tally, at_write=place)
    assert tally.kills == 4
    assert tally.clean, tally
