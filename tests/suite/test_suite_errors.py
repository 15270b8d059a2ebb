"""A wrong suite is refused with everything that is wrong: file, line, field, expectation, name."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.suite.complaints import GOOD, HEAD, Case, check_refused, complaint

BAD: dict[str, Case] = {
    "misspelt section": (
        GOOD + "traning: {preset: quick}",
        4,
        "traning",
        ["unknown key 'traning'", "did you mean 'training'?"],
    ),
    "misspelt field of a section": (
        GOOD + "folds: {scheme: speaker,\n  limt: 3}",
        5,
        "folds.limt",
        ["unknown key 'limt'", "did you mean 'limit'?"],
    ),
    "misspelt field of training": (
        GOOD + "training:\n  epoch: 3",
        5,
        "training.epoch",
        ["unknown key 'epoch'", "did you mean 'epochs'?"],
    ),
    "misspelt choice": (
        GOOD + "folds: {scheme: speakers}",
        4,
        "folds.scheme",
        ["unknown value 'speakers'", "did you mean 'speaker'?", "group_kfold"],
    ),
    "misspelt preset": (
        GOOD + "training: {preset: quik}",
        4,
        "training.preset",
        ["unknown value 'quik'", "did you mean 'quick'?"],
    ),
    "name missing": (
        "corpus: synthetic\nmethods: [nmer]\n",
        1,
        "name",
        ["missing", "expected a name for the suite"],
    ),
    "name unfit for a folder": (
        "corpus: synthetic\nname: ../up\nmethods: [nmer]\n",
        2,
        "name",
        ["found '../up'", "expected letters, digits"],
    ),
    "version as text": (
        GOOD + "version: one",
        4,
        "version",
        ["found 'one'", "expected a whole number"],
    ),
    "fraction for a whole number": (
        GOOD + "seed: 1.5",
        4,
        "seed",
        ["found 1.5", "expected a whole number"],
    ),
    "seed as text": (
        GOOD + "seeds:\n  - 0\n  - '1'",
        6,
        "seeds.1",
        ["found '1'", "expected a whole number"],
    ),
    "negative seed": (GOOD + "seeds: [-1]", 4, "seeds.0", ["found -1", "greater than or equal"]),
    "seed twice": (GOOD + "seeds: [0,\n 1,\n 0]", 6, "seeds.2", ["0 is listed twice"]),
    "no seeds": (GOOD + "seeds: []", 4, "seeds", ["found 0 items", "expected at least 1"]),
    "seeds without a list": (GOOD + "seeds: 3", 4, "seeds", ["found 3", "expected a list"]),
    "missing rate of one": (
        GOOD + "train_missing_rate: 1.0",
        4,
        "train_missing_rate",
        ["found 1.0", "expected less than 1"],
    ),
    "unknown metric": (
        GOOD + "metrics: [wa, aua]",
        4,
        "metrics.1",
        ["unknown metric 'aua'", "did you mean 'ua'?"],
    ),
    "metric twice": (GOOD + "metrics: [wa, wa]", 4, "metrics.1", ["'wa' is listed twice"]),
    "section that is no mapping": (GOOD + "grid: all", 4, "grid", ["found 'all'", "a mapping"]),
    "number of folds without group_kfold": (
        GOOD + "folds: {scheme: session, n: 4}",
        4,
        "folds.n",
        ["belongs to group_kfold"],
    ),
    "too few folds": (
        GOOD + "folds: {scheme: group_kfold, n: 2}",
        4,
        "folds.n",
        ["found 2", "expected greater than or equal to 3"],
    ),
    "validation of another scheme": (
        GOOD + "folds: {scheme: session, validation: training_sessions}",
        4,
        "folds.validation",
        ["belongs to speaker"],
    ),
    "unknown reader": (
        "name: s\nmethods: [nmer]\ncorpus: {reader: sintetic}\n",
        3,
        "corpus.reader",
        ["unknown reader 'sintetic'", "did you mean 'synthetic'?"],
    ),
    "unknown setting of a reader": (
        "name: s\nmethods: [nmer]\ncorpus:\n  reader: synthetic\n  uterances: 3\n",
        5,
        "corpus.uterances",
        ["unknown key 'uterances'", "did you mean 'utterances'?"],
    ),
    "corpus that is nowhere": (
        "name: s\nmethods: [nmer]\ncorpus: no/such/folder\n",
        3,
        "corpus",
        ["no/such/folder"],
    ),
    "corpus without a reader": (
        "name: s\nmethods: [nmer]\ncorpus: {utterances: 60}\n",
        3,
        "corpus.reader",
        ["missing", "expected the name of a reader"],
    ),
    "no thread": (GOOD + "numerics: {threads: 0}", 4, "numerics.threads", ["found 0"]),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_wrong_suite_is_refused_with_line_field_and_remedy(case: str) -> None:
    check_refused(BAD[case])


def test_every_problem_is_reported_in_the_order_of_the_file() -> None:
    message = complaint(
        dedent("""\
        name: s
        corpus: {reader: synthetic, uterances: 60}
        folds: {scheme: speakers}
        methods:
          - nmerr
          - {name: zero_fill, epochs: 0, colour: red, stage1: {lr: -1}, label: 3}
        training: {preset: quik}
        grid:
          noise:
            - {type: gaussian, severities: [2.0, x], on: nothing}
            - {type: burst, levels: [3], on: absent, size: 1}
          draws: 0
        colour: red
        """)
    )
    places = [":".join(line.split(":")[1:3]).replace(" ", "") for line in message.splitlines()]
    assert sorted(places) == sorted(
        [
            "2:corpus.uterances",
            "3:folds.scheme",
            "5:methods.0.name",
            "6:methods.1.epochs",
            "6:methods.1.colour",
            "6:methods.1.stage1.lr",
            "6:methods.1.label",
            "7:training.preset",
            "10:grid.noise.0.severities.0",
            "10:grid.noise.0.severities.1",
            "10:grid.noise.0.on",
            "11:grid.noise.1.levels",
            "11:grid.noise.1.size",
            "12:grid.draws",
            "13:colour",
        ]
    )
    lines = [int(place.partition(":")[0]) for place in places]
    assert lines == sorted(lines)


def test_contrasts_are_not_blamed_for_methods_that_are_wrong() -> None:
    message = complaint(HEAD + "methods: [nmerr]\ncontrasts: [[nmer, zero_fill]]\n")
    assert message.count("\n") == 0
    assert "methods.0.name" in message


def test_a_mapping_among_severities_is_one_clear_error(merbench):
    noise = [{"type": "gaussian", "severities": [0.1, {"0.9": None}], "on": "present"}]
    said = merbench("run", merbench.suite(grid={"noise": noise}))
    assert said.code == 2
    assert "severities.1" in said.err
    assert "Traceback" not in said.err
