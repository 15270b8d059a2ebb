import numpy as np
import pandas as pd
import pytest

from merbench.analysis.build import analyse
from merbench.analysis.robustness import crossing
from tests.analysis.world import SEVERITIES, World


def skill(clean, slope):
    """Lose `slope` of what is above chance at full severity, in a straight line."""
    return lambda c: 0.25 + (clean - 0.25) * (1 - slope * c.severity)


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    skills = {
        "zero_fill": skill(0.75, 1.0),
        "sturdy": skill(0.75, 0.3),
        "frail": lambda c: 0.75 if c.is_clean else 0.25,
    }
    world = World(skills, folds=5, speakers=2, utterances=400)
    return analyse(world.write(tmp_path_factory.mktemp("robust") / "run"), draws=500)


def rows(findings, measure, noise="burst", on="present"):
    frame = findings.robustness
    chosen = (frame["measure"] == measure) & (frame["noise"] == noise) & (frame["on"] == on)
    return frame[chosen].set_index("method")


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        ([2, 1, -1], 0.75),
        ([2, 1, 0], 1.0),
        ([-1, 1, 1], 0.0),
        ([1, -1, 1], 0.25),
        ([1, 1, 1], np.nan),
    ],
)
def test_a_crossing_lies_on_the_line_between_points(height, expected):
    found = crossing(np.array([0, 0.5, 1.0]), np.array(height, float))
    np.testing.assert_equal(found, expected)


def test_breakdown_is_where_half_of_what_is_above_chance_is_gone(findings):
    found = rows(findings, "breakdown")
    assert found.loc["zero_fill", "value"] == pytest.approx(0.5, abs=0.04)
    assert found.loc["zero_fill", "low"] < 0.5 < found.loc["zero_fill", "high"]
    # All is lost at the first severity: half-way is half of it.
    assert found.loc["frail", "value"] == pytest.approx(SEVERITIES[0] / 2, abs=0.02)


def test_a_method_that_holds_is_censored_at_the_end_of_the_grid(findings):
    found = rows(findings, "breakdown").loc["sturdy"]
    assert found["censored"]
    assert found["value"] == SEVERITIES[-1]
    assert np.isnan(found["high"])


def test_drops_and_areas_are_those_of_the_truth(findings):
    mean, worst = rows(findings, "mean_drop"), rows(findings, "worst_drop")
    assert mean.loc["zero_fill", "value"] == pytest.approx(0.5 * np.mean(SEVERITIES), abs=0.02)
    assert mean.loc["sturdy", "value"] == pytest.approx(0.15 * np.mean(SEVERITIES), abs=0.02)
    assert worst.loc["zero_fill", "value"] == pytest.approx(0.5, abs=0.03)
    area = rows(findings, "area")
    assert area.loc["zero_fill", "value"] == pytest.approx(0.5, abs=0.02)
    assert area.loc["frail", "value"] == pytest.approx(0.25 + 0.5 * SEVERITIES[0] / 2, abs=0.02)
    for table in (mean, area):
        assert (table["low"] < table["value"]).all()
        assert (table["value"] < table["high"]).all()


def test_relative_error_is_one_for_its_reference_and_paired(findings):
    found = rows(findings, "relative_error", "", "")
    assert tuple(found.loc["zero_fill", ["value", "low", "high"]]) == (1, 1, 1)
    assert found.loc["sturdy", "high"] < 1 < found.loc["frail", "low"]
    error = {m: np.mean([1 - s for s in shares]) for m, shares in truth(findings).items()}
    expected = error["frail"] / error["zero_fill"]
    assert rows(findings, "relative_error").loc["frail", "value"] == pytest.approx(
        expected, rel=0.03
    )


def truth(findings):
    """Return the true shares of the noise on what is present."""
    lines = {"zero_fill": 1.0, "sturdy": 0.3}
    shares = {m: [skill(0.75, slope)(C(s)) for s in SEVERITIES] for m, slope in lines.items()}
    return shares | {"frail": [0.25] * len(SEVERITIES)}


class C:
    def __init__(self, severity):
        self.severity = severity


def test_always_right_is_rarer_over_more_conditions_and_stays_a_share(findings):
    frame = findings.robustness
    always = frame[frame["measure"] == "always_right"]
    assert always[["value", "low", "high"]].stack().between(0, 1).all()
    whole = always[always["noise"] == ""].set_index("method")["value"]
    for _, group in always[always["noise"] != ""].groupby(["noise", "on"]):
        assert (whole <= group.set_index("method")["value"] + 1e-12).all()


def test_a_method_at_chance_has_no_half_way(tmp_path):
    found = analyse(World({"zero_fill": 0.2}).write(tmp_path / "run"), draws=50).robustness
    rows = found[found["measure"] == "breakdown"]
    assert rows["value"].isna().all()
    assert not rows["censored"].any()


def test_a_run_without_zero_fill_has_no_relative_error(tmp_path):
    found = analyse(World({"a": 0.6, "b": 0.6}).write(tmp_path / "run"), draws=100)
    assert "relative_error" not in {*found.robustness["measure"]}


def test_a_run_without_noise_has_drops_of_missing_modalities_alone(tmp_path):
    skills = {"zero_fill": lambda c: 0.8 if c.pattern == "audio+text" else 0.5}
    world = World(skills, noise=False, utterances=400)
    found = analyse(world.write(tmp_path / "run"), draws=100).robustness
    assert {*found["noise"]} <= {"none", ""}
    drop = found[(found["measure"] == "mean_drop") & (found["noise"] == "none")]
    assert drop["value"].item() == pytest.approx(0.3, abs=0.03)
    assert isinstance(found, pd.DataFrame)
