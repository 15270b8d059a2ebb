import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merbench.corruption.schedule import SCHEDULES, STEPS, signal_share
from tests.corpora import noise

SCHEDULED = ("gaussian", "impulse", "babble")


def abar(schedule, level):
    """What is left of the signal's power after `level` of 100 steps, one factor after the other."""
    left = 1.0
    for t in range(1, level + 1):
        along = (t - 1) / 99
        if schedule == "linear":
            beta = 0.01 + 0.49 * along
        elif schedule == "scaled_linear":
            beta = (math.sqrt(0.01) + (math.sqrt(0.5) - math.sqrt(0.01)) * along) ** 2
        elif schedule == "sigmoid":
            beta = 0.01 + 0.49 / (1 + math.exp(6 - 12 * along))
        else:
            angle, before = (
                math.cos((s / 100 + 0.008) / 1.008 * math.pi / 2) ** 2 for s in (t, t - 1)
            )
            beta = min(1 - angle / before, 0.999)
        left *= 1 - beta
    return left


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_signal_left_at_each_level_equals_the_formula(schedule):
    expected = [abar(schedule, level) for level in range(STEPS + 1)]
    np.testing.assert_allclose(signal_share(schedule), expected, rtol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_severity_rises_with_every_step_from_clean_to_all_but_everything(schedule):
    severity = 1 - signal_share(schedule)
    assert severity[0] == 0
    assert (np.diff(signal_share(schedule)) < 0).all()
    assert severity[-1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_every_caller_shares_cannot_be_written_to(schedule):
    with pytest.raises(ValueError, match="read-only"):
        signal_share(schedule)[0] = 0


@pytest.mark.parametrize(
    ("level", "severity"), [(0, 0), (11, 0.18), (21, 0.44), (31, 0.72), (41, 0.90), (51, 0.98)]
)
def test_the_default_schedule_has_the_published_severities(level, severity):
    assert round(noise("gaussian").at_level(level).severity, 2) == severity


def test_half_of_the_default_steps_are_past_minus_17_decibel():
    gaussian = noise("gaussian")
    past = [level for level in range(1, STEPS + 1) if gaussian.snr(gaussian.at_level(level)) < -17]
    assert past == list(range(52, STEPS + 1))


@pytest.mark.parametrize("name", SCHEDULED)
@pytest.mark.parametrize("schedule", SCHEDULES)
@given(severity=st.floats(0, 1))
def test_a_severity_takes_the_nearest_step(name, schedule, severity):
    point = noise(name, schedule=schedule).at_severity(severity)
    apart = [abs(1 - abar(schedule, level) - severity) for level in range(STEPS + 1)]
    assert point.requested == severity
    assert point.severity == pytest.approx(1 - abar(schedule, point.level))
    assert abs(point.severity - severity) <= min(apart) + 1e-12


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(raw=st.booleans(), decibel=st.floats(-60, 40))
def test_a_signal_to_noise_ratio_takes_the_nearest_step(schedule, raw, decibel):
    point = noise("impulse", schedule=schedule, raw=raw).at_snr(decibel)
    variance = 0.3 if raw else 1.0

    def ratio(level):
        left = abar(schedule, level)
        return 10 * math.log10(left / (1 - left) / variance)

    apart = [abs(ratio(level) - decibel) for level in range(1, STEPS + 1)]
    assert abs(ratio(point.level) - decibel) <= min(apart) + 1e-6
    # It is stored as the severity that would have had this ratio exactly.
    exact = point.requested
    assert 10 * math.log10((1 - exact) / exact / variance) == pytest.approx(decibel, abs=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_asking_for_a_level_by_its_severity_or_its_ratio_is_the_same(schedule):
    gaussian = noise("gaussian", schedule=schedule)
    for level in range(1, 60):
        point = gaussian.at_level(level)
        assert (point.level, point.requested) == (level, point.severity)
        assert gaussian.at_severity(point.severity) == point
        assert gaussian.at_snr(gaussian.snr(point)) == point


def test_raw_impulses_are_5_2_decibel_milder_at_every_level():
    raw, scaled = noise("impulse", raw=True), noise("impulse")
    for level in range(1, 80):
        gain = raw.snr(raw.at_level(level)) - scaled.snr(scaled.at_level(level))
        assert gain == pytest.approx(10 * math.log10(10 / 3))
        assert round(gain, 1) == 5.2


def test_clean_has_no_noise_to_compare_with():
    assert noise("gaussian").snr(noise("gaussian").at_level(0)) == math.inf


@pytest.mark.parametrize("level", [-1, STEPS + 1])
def test_levels_outside_the_schedule_are_refused(level):
    with pytest.raises(ValueError, match=f"level {level} is outside 0..100"):
        noise("gaussian").at_level(level)


@pytest.mark.parametrize("name", ["frame_drop", "burst", "freeze", "token_swap", "shift"])
@given(severity=st.floats(0, 1))
def test_shares_take_the_severity_as_it_is_and_have_no_level(name, severity):
    point = noise(name).at_severity(severity)
    assert (point.requested, point.severity, point.level) == (severity, severity, None)


def test_points_that_apply_the_same_are_equal_however_they_were_asked_for():
    gaussian = noise("gaussian")
    exact = gaussian.at_level(21)
    near = gaussian.at_severity(exact.severity + 1e-4)
    assert near == exact
    assert hash(near) == hash(exact)
    assert near.requested != exact.requested
    assert gaussian.at_level(22) != exact
