import math

from merbench.results.conditions import (
    ConditionKey,
    NoiseColumn,
    columns_of,
    conditions_table,
    in_grid_order,
    patterns_of,
)

CLEAN_A, CLEAN_AB = ConditionKey("a"), ConditionKey("a+b")
MILD = ConditionKey("a", "gaussian", "present", 11, 0.2, 0.18, 0)
MILD_AGAIN = MILD._replace(draw=1)
STRONG = ConditionKey("a", "gaussian", "present", 41, 0.9, 0.9, 0)
BURST = ConditionKey("a", "burst", "present", None, 0.5, 0.5, 0)


def test_grid_order_is_pattern_then_clean_then_noise_then_severity_then_draw():
    shuffled = [STRONG, CLEAN_AB, BURST, MILD_AGAIN, CLEAN_A, MILD]
    ordered = in_grid_order(shuffled, ["a", "a+b"])
    assert ordered == (CLEAN_A, MILD, MILD_AGAIN, STRONG, BURST, CLEAN_AB)


def test_patterns_and_noise_columns_keep_the_order_of_the_grid_clean_first():
    conditions = [MILD, CLEAN_AB, BURST, STRONG]
    assert patterns_of(conditions) == ("a", "a+b")
    assert columns_of(conditions) == (
        NoiseColumn("none", ""),
        NoiseColumn("gaussian", "present"),
        NoiseColumn("burst", "present"),
    )


def test_the_table_numbers_conditions_and_leaves_blank_what_does_not_apply():
    rows = conditions_table([CLEAN_A, MILD]).to_pylist()
    assert rows[0] == {
        "condition": 0,
        "pattern": "a",
        "noise": "none",
        "on": "",
        "level": None,
        "requested": None,
        "severity": 0.0,
        "draw": 0,
    }
    assert rows[1]["condition"] == 1
    assert (rows[1]["level"], rows[1]["requested"], rows[1]["severity"]) == (11, 0.2, 0.18)
    assert math.isnan(CLEAN_A.requested)
    assert CLEAN_A.is_clean
    assert not MILD.is_clean
