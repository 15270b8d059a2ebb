"""Wrong patterns and noises of a suite are refused at their place in the file."""

from __future__ import annotations

import pytest

from tests.suite.complaints import GOOD, Case, check_refused

BAD: dict[str, Case] = {
    "misspelt set of patterns": (
        GOOD + "grid: {patterns: partal}",
        4,
        "grid.patterns",
        ["unknown value 'partal'", "did you mean 'partial'?", "list of patterns"],
    ),
    "no pattern": (GOOD + "grid: {patterns: []}", 4, "grid.patterns", ["found []", "all, partial"]),
    "pattern with a hole": (
        GOOD + "grid:\n  patterns:\n    - audio\n    - audio++text\n",
        7,
        "grid.patterns.1",
        ["found 'audio++text'", "expected names joined by +"],
    ),
    "modality twice in a pattern": (
        GOOD + "grid: {patterns: [audio+audio]}",
        4,
        "grid.patterns.0",
        ["names a modality twice"],
    ),
    "pattern twice in another order": (
        GOOD + "grid: {patterns: [audio+text, text+audio]}",
        4,
        "grid.patterns.1",
        ["'audio+text' is listed twice"],
    ),
    "no rate": (
        GOOD + "grid:\n  missing:\n    - {label: random}\n",
        6,
        "grid.missing.0.rates",
        ["missing", "shares of all modalities"],
    ),
    "rate of everything": (
        GOOD + "grid:\n  missing:\n    - {rates: [0.5, 1.0]}\n",
        6,
        "grid.missing.0.rates.1",
        ["1.0", "less than 1"],
    ),
    "rate twice": (
        GOOD + "grid:\n  missing:\n    - {rates: [0.5, 0.5]}\n",
        6,
        "grid.missing.0.rates.1",
        ["0.5 is listed twice"],
    ),
    "negative weight": (
        GOOD + "grid:\n  missing:\n    - {rates: [0.5], weights: {text: -1}}\n",
        6,
        "grid.missing.0.weights.text",
        ["-1", "greater than or equal to 0"],
    ),
    "two ways of missing of one name": (
        GOOD + "grid:\n  missing:\n    - {rates: [0.5]}\n    - {rates: [0.2]}\n",
        7,
        "grid.missing.1.label",
        ["label 'random' is taken"],
    ),
    "way of missing that is called as a noise": (
        GOOD
        + "grid:\n  noise: [{type: burst, severities: [0.5], on: all}]\n"
        + "  missing: [{rates: [0.5], label: burst}]\n",
        6,
        "grid.missing.0.label",
        ["label 'burst' is taken"],
    ),
    "way of missing that is called none": (
        GOOD + "grid:\n  missing: [{rates: [0.5], label: none}]\n",
        5,
        "grid.missing.0.label",
        ["label 'none' is taken"],
    ),
    "noise that is called as no noise": (
        GOOD + "grid:\n  noise: [{type: burst, severities: [0.5], on: all, label: none}]\n",
        5,
        "grid.noise.0.label",
        ["label 'none' is taken"],
    ),
    "noise whose name cannot be seen": (
        GOOD + "grid:\n  noise: [{type: burst, severities: [0.5], on: all, label: ' '}]\n",
        5,
        "grid.noise.0.label",
        ["expected a name that can be seen"],
    ),
    "misspelt key of a way of missing": (
        GOOD + "grid:\n  missing:\n    - {rates: [0.5], wieghts: {}}\n",
        6,
        "grid.missing.0.wieghts",
        ["did you mean 'weights'?"],
    ),
    "unknown noise": (
        GOOD + "grid:\n  noise:\n    - {type: gausian, severities: [0.5], on: absent}\n",
        6,
        "grid.noise.0.type",
        ["unknown noise 'gausian'", "did you mean 'gaussian'?"],
    ),
    "noise without a type": (
        GOOD + "grid:\n  noise:\n    - {severities: [0.5], on: absent}\n",
        6,
        "grid.noise.0.type",
        ["missing", "expected the name of a noise"],
    ),
    "noise on nothing": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, severities: [0.5]}\n",
        6,
        "grid.noise.0.on",
        ["missing", "expected absent, present or all"],
    ),
    "noise on what is unknown": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, severities: [0.5], on: missing}\n",
        6,
        "grid.noise.0.on",
        ["unknown value 'missing'", "valid: absent, all, present"],
    ),
    "noise on the same twice": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, severities: [0.5], on: [all, all]}\n",
        6,
        "grid.noise.0.on.1",
        ["'all' is listed twice"],
    ),
    "noise without an axis": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: absent}\n",
        6,
        "grid.noise.0",
        ["found no axis", "exactly one of severities, levels, snrs"],
    ),
    "noise with two axes": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: all, levels: [1], snrs: [0]}\n",
        6,
        "grid.noise.0",
        ["found levels and snrs", "exactly one of"],
    ),
    "severity above one": (
        GOOD
        + "grid:\n  noise:\n    - type: gaussian\n      on: absent\n"
        + "      severities:\n        - 0.5\n        - 1.5\n",
        10,
        "grid.noise.0.severities.1",
        ["found 1.5", "expected less than or equal to 1"],
    ),
    "severity twice": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: all, severities: [0.5, 0.5]}\n",
        6,
        "grid.noise.0.severities.1",
        ["0.5 is listed twice"],
    ),
    "level past the schedule": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: absent, levels: [101]}\n",
        6,
        "grid.noise.0.levels.0",
        ["found 101", "expected less than or equal to 100"],
    ),
    "level between two steps": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: absent, levels: [0.5]}\n",
        6,
        "grid.noise.0.levels.0",
        ["found 0.5", "expected a whole number"],
    ),
    "infinite ratio": (
        GOOD + "grid:\n  noise:\n    - {type: gaussian, on: absent, snrs: [.inf]}\n",
        6,
        "grid.noise.0.snrs.0",
        ["found inf", "finite"],
    ),
    "levels of a noise without a schedule": (
        GOOD + "grid:\n  noise:\n    - type: burst\n      on: absent\n      levels: [3]\n",
        8,
        "grid.noise.0.levels",
        ["'burst' follows no schedule", "expected severities"],
    ),
    "ratios of a noise without a schedule": (
        GOOD + "grid:\n  noise:\n    - {type: token_swap, on: absent, snrs: [3]}\n",
        6,
        "grid.noise.0.snrs",
        ["'token_swap' follows no schedule"],
    ),
    "unknown option of a noise": (
        GOOD + "grid:\n  noise:\n    - {type: babble, on: all, levels: [3], talker: 2}\n",
        6,
        "grid.noise.0.talker",
        ["unknown key 'talker'", "did you mean 'talkers'?", "severities"],
    ),
    "wrong option of a noise": (
        GOOD + "grid:\n  noise:\n    - {type: impulse, on: all, levels: [3], raw: yes}\n",
        6,
        "grid.noise.0.raw",
        ["found 'yes'", "expected true or false"],
    ),
    "noise twice without labels": (
        GOOD
        + "grid:\n  noise:\n    - {type: burst, on: all, severities: [1]}\n"
        + "    - {type: burst, on: absent, severities: [1]}\n",
        7,
        "grid.noise.1.label",
        ["label 'burst' is taken"],
    ),
    "no draw": (GOOD + "grid: {draws: 0}", 4, "grid.draws", ["found 0", "greater than 0"]),
    "donors from nowhere": (
        GOOD + "grid: {donors: heldout}",
        4,
        "grid.donors",
        ["unknown value 'heldout'", "did you mean 'held_out'?"],
    ),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_wrong_grid_is_refused_with_line_field_and_remedy(case: str) -> None:
    check_refused(BAD[case])
