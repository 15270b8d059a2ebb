"""Rounds: every condition once, every input embedded once, and forgotten when nobody needs it."""

from __future__ import annotations

import itertools

import pytest

from merbench.corruption.grid import ABSENT, CLEAN, ModalityInput
from merbench.corruption.noises.base import Point
from merbench.evaluation.rounds import Embedded, Round, rounds
from merbench.features.observation import State


def noised(severity: float, draw: int = 0, noise: str = "hiss") -> ModalityInput:
    return ModalityInput(State.NOISED, noise, Point(severity, severity), draw)


def grid(points: int) -> list[tuple[ModalityInput, ...]]:
    """Three modalities: clean patterns, and each point on what is absent, present or everything."""
    inputs = [(CLEAN, ABSENT, CLEAN), (CLEAN, CLEAN, ABSENT), (CLEAN, CLEAN, CLEAN)]
    for on, k in itertools.product(range(3), range(points)):
        seen = noised((k + 1) / points)
        inputs += [[(CLEAN, seen, CLEAN), (seen, ABSENT, ABSENT), (seen, seen, seen)][on]]
    return inputs


def check(inputs, at_most) -> list[Round]:
    """Go through rounds as the evaluator does, holding it to the contract."""
    found, held, ever = list(rounds(inputs, at_most)), set(), set()
    for each in found:
        assert not ever & set(each.embed), "embedded twice"
        held |= set(each.embed)
        ever |= set(each.embed)
        for number in each.conditions:
            needed = {Embedded(m, s) for m, s in enumerate(inputs[number]) if s.noise is not None}
            assert needed <= held
        assert set(each.forget) <= held
        held -= set(each.forget)
    assert not held, "held for nothing"
    assert sorted(k for each in found for k in each.conditions) == list(range(len(inputs)))
    return found


def most_held(found: list[Round]) -> int:
    held, most = 0, 0
    for each in found:
        most = max(most, held + len(each.embed))
        held += len(each.embed) - len(each.forget)
    return most


@pytest.mark.parametrize("points", [1, 2, 30])
def test_one_point_is_held_at_a_time_however_many_there_are(points) -> None:
    found = check(grid(points), 1)
    assert most_held(found) == 3
    assert len(found) == points
    # What a noise meets on absent and on present modalities at a point goes together.
    assert {len(each.conditions) for each in found[1:]} <= {3}


def test_a_round_holds_as_many_groups_as_there_is_room_for() -> None:
    found = check(grid(10), 4)
    assert [len(each.embed) for each in found] == [12, 12, 6]


def test_a_group_is_not_divided_where_it_needs_more_than_there_is_room_for() -> None:
    assert len(check(grid(3), 0)) == 4


def test_draws_and_noises_are_groups_of_their_own() -> None:
    each = [noised(0.5), noised(0.5, draw=1), noised(0.5, noise="hum")]
    assert len(check([(seen, CLEAN) for seen in each], 1)) == 3


def test_a_condition_of_several_points_keeps_what_others_still_need() -> None:
    one, other = noised(0.3), noised(0.6)
    inputs = [(one, CLEAN), (CLEAN, other), (one, other), (one, ABSENT), (other, other)]
    found = check(inputs, 1)
    assert sum(len(each.embed) for each in found) == 3


def test_without_noise_there_is_nothing_to_hold() -> None:
    (only,) = check([(CLEAN, ABSENT), (ABSENT, CLEAN), (CLEAN, CLEAN)], 1)
    assert only.conditions == (0, 1, 2)
