"""Which setting wins, and how an equal budget is shared out."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merbench.training.config import (
    PRESETS,
    StageTraining,
    TrainingConfig,
    TrainingOverrides,
)
from merbench.training.resolve import equalise, resolve_training

PUBLISHED = {
    "first": StageTraining(epochs=10, decay_epochs=10, batch_size=128, dropout=0.3),
    "nmer": StageTraining(epochs=30, decay_epochs=30, batch_size=64, dropout=0.5, clip=1.0),
}
NOTHING = TrainingOverrides()


def test_published_settings_stay_where_nothing_is_set() -> None:
    found = resolve_training(PUBLISHED, TrainingConfig(), NOTHING, {})
    assert found == tuple(PUBLISHED.values())


def test_later_settings_win_over_earlier_ones() -> None:
    """published < preset < preset of the stage < suite < method < stage of the method."""
    preset = PRESETS["quick"]
    quick = TrainingConfig(preset="quick")
    first, second = resolve_training(PUBLISHED, quick, NOTHING, {})
    assert first.lr == preset.every.lr
    assert second.lr == preset.stages["nmer"].lr != preset.every.lr
    assert (first.dropout, second.clip) == (0.3, 1.0)

    suite = TrainingConfig(preset="quick", lr=0.1, epochs=7)
    assert [s.lr for s in resolve_training(PUBLISHED, suite, NOTHING, {})] == [0.1, 0.1]

    method = TrainingOverrides(lr=0.2)
    found = resolve_training(PUBLISHED, suite, method, {"stage2": TrainingOverrides(lr=0.3)})
    assert [s.lr for s in found] == [0.2, 0.3]
    assert [s.epochs for s in found] == [7, 7]


def test_a_setting_of_zero_is_a_setting() -> None:
    suite = TrainingConfig(decay_epochs=0, dropout=0.0)
    found = resolve_training(PUBLISHED, suite, NOTHING, {})
    assert [(s.decay_epochs, s.dropout) for s in found] == [(0, 0.0)] * 2


def stage(epochs: int, decay: int) -> StageTraining:
    return StageTraining(epochs=epochs, decay_epochs=decay, batch_size=8, dropout=0.0)


def test_the_published_methods_get_the_epochs_of_the_longest() -> None:
    zero_fill = (stage(10, 10),)
    mmin = (stage(10, 10), stage(30, 30))
    nmer = (stage(10, 10), stage(40, 40))
    found = [
        [(s.epochs, s.decay_epochs) for s in stages] for stages in equalise([zero_fill, mmin, nmer])
    ]
    # nmer has 100: zero_fill is stretched fivefold, mmin by 1.25, the rounding in its last stage.
    assert found == [[(50, 50)], [(12, 12), (38, 38)], [(10, 10), (40, 40)]]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
@example([[(8, 0)], [(1, 1), (1, 1), (1, 0)]])  # rounding up leaves nothing for the last stage
def test_everybody_trains_as_long_as_the_longest_and_every_stage_trains(methods) -> None:
    before = [tuple(stage(*s) for s in method) for method in methods]
    after = equalise(before)
    most = max(sum(s.total_epochs for s in stages) for stages in before)
    for old, new in zip(before, after, strict=True):
        assert sum(s.total_epochs for s in new) == most
        assert all(s.epochs >= 1 and s.decay_epochs >= 0 for s in new)
        have = sum(s.total_epochs for s in old)
        for one, other in zip(old[:-1], new[:-1], strict=True):
            # At most half an epoch from its share, or what leaves one for every later stage.
            slack = 0.5 if len(old) <= 2 else 2
            assert other.epochs == pytest.approx(one.epochs * most / have, abs=slack)
            assert other.decay_epochs == pytest.approx(one.decay_epochs * most / have, abs=slack)
        assert [s.model_copy(update={"epochs": 1, "decay_epochs": 0}) for s in new] == [
            s.model_copy(update={"epochs": 1, "decay_epochs": 0}) for s in old
        ]


def test_nothing_is_shared_out_among_nobody() -> None:
    assert equalise([]) == ()
