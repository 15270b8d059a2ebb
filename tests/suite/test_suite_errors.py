"""A wrong suite is refused with everything that is wrong: file, line, field, expectation, name."""

from __future__ import annotations

from textwrap import dedent

import pytest

from merbench.errors import ConfigError
from merbench.methods.base import Method, MethodConfig
from merbench.suite.load import validate
from merbench.suite.schema import Suite
from merbench.suite.source import Source

HERE = __name__
HEAD = "name: s\ncorpus: {reader: synthetic, utterances: 60}\n"  # lines 1 and 2
GOOD = HEAD + "methods: [zero_fill, nmer]\n"  # line 3; what a case adds begins on line 4


class WithFlag(Method):
    """A third party's method."""

    class Config(MethodConfig):
        flag: bool = True
        depth: int | tuple[int, ...] = 1


class Greedy(Method):
    """A method whose settings take names that every entry has."""

    class Config(MethodConfig):
        epochs: int = 3
        label: str = ""


class NoSettings(Method):
    """A method whose settings cannot be checked."""

    Config = dict


def load(text: str) -> Suite:
    return validate(Source.parse(text, "suites/x.yaml"))


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


# what is written -> line, field, words that must appear
BAD: dict[str, tuple[str, int, str, list[str]]] = {
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
        ["unknown value 'aua'", "did you mean 'ua'?"],
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
    "no methods": (HEAD + "methods: []", 3, "methods", ["found 0 items", "expected at least 1"]),
    "unknown method": (
        HEAD + "methods:\n  - zero_fill\n  - nmerr\n",
        5,
        "methods.1.name",
        ["unknown method 'nmerr'", "did you mean 'nmer'?"],
    ),
    "method without a name": (
        HEAD + "methods:\n  - {label: mine}\n",
        4,
        "methods.0.name",
        ["missing", "expected the name of a method"],
    ),
    "method that is a number": (HEAD + "methods: [3]", 3, "methods.0", ["found 3", "a mapping"]),
    "import path to no module": (
        HEAD + "methods:\n  - no_such_module:Method\n",
        4,
        "methods.0.name",
        ["cannot import module 'no_such_module'"],
    ),
    "import path to no class": (
        HEAD + f"methods:\n  - {HERE}:WithFlg\n",
        4,
        "methods.0.name",
        ["has no 'WithFlg'", "did you mean 'WithFlag'?"],
    ),
    "import path to something else": (
        HEAD + f"methods:\n  - {HERE}:HERE\n",
        4,
        "methods.0.name",
        ["is no method", "expected a class derived from merbench.methods.base.Method"],
    ),
    "import path to a reader": (
        HEAD + "methods:\n  - merbench.corpus.readers.table:TableReader\n",
        4,
        "methods.0.name",
        ["is no method", "expected a class derived from merbench.methods.base.Method"],
    ),
    "method without settings": (
        HEAD + f"methods:\n  - {HERE}:NoSettings\n",
        4,
        "methods.0.name",
        ["has no settings", "expected a `Config` derived from merbench.config.Config"],
    ),
    "import path without a module": (
        HEAD + "methods:\n  - ':Method'\n",
        4,
        "methods.0.name",
        ["cannot import module ''"],
    ),
    "method whose settings hide training": (
        HEAD + f"methods:\n  - {HERE}:Greedy\n",
        4,
        "methods.0.name",
        ["epochs, label", "expected names of their own"],
    ),
    "unknown setting of a method": (
        HEAD + f"methods:\n  - name: {HERE}:WithFlag\n    flagg: true\n",
        5,
        "methods.0.flagg",
        ["unknown key 'flagg'", "did you mean 'flag'?", "epochs", "stage1"],
    ),
    "word where true or false is meant": (
        HEAD + f"methods:\n  - name: {HERE}:WithFlag\n    flag: off\n",
        5,
        "methods.0.flag",
        ["found 'off'", "expected true or false"],
    ),
    "wrong for every branch of a union": (
        HEAD + f"methods:\n  - name: {HERE}:WithFlag\n    depth: deep\n",
        5,
        "methods.0.depth",
        ["found 'deep'", "expected a whole number or a list"],
    ),
    "training of a method": (
        HEAD + "methods:\n  - name: zero_fill\n    epochs: 0\n",
        5,
        "methods.0.epochs",
        ["found 0", "expected greater than 0"],
    ),
    "misspelt training of a stage": (
        HEAD + "methods:\n  - name: nmer\n    stage1:\n      epohs: 3\n",
        6,
        "methods.0.stage1.epohs",
        ["unknown key 'epohs'", "did you mean 'epochs'?"],
    ),
    "a third stage": (
        HEAD + "methods:\n  - name: nmer\n    stage3: {}\n",
        5,
        "methods.0.stage3",
        ["unknown key 'stage3'", "did you mean 'stage"],
    ),
    "label taken": (
        HEAD + "methods:\n  - nmer\n  - name: zero_fill\n    label: nmer\n",
        6,
        "methods.1.label",
        ["label 'nmer' is taken"],
    ),
    "method twice without labels": (
        HEAD + "methods:\n  - nmer\n  - {name: nmer, epochs: 3}\n",
        5,
        "methods.1.label",
        ["label 'nmer' is taken", "expected `label:`"],
    ),
    "empty label": (
        HEAD + "methods:\n  - {name: nmer, label: ''}\n",
        4,
        "methods.0.label",
        ["found ''"],
    ),
    "contrast with a stranger": (
        GOOD + "contrasts:\n  - [nmer, zero_fil]\n",
        5,
        "contrasts.0.1",
        ["unknown method label 'zero_fil'", "did you mean 'zero_fill'?"],
    ),
    "contrast of three": (
        GOOD + "contrasts:\n  - [nmer, zero_fill, nmer]\n",
        5,
        "contrasts.0",
        ["expected two method labels"],
    ),
    "contrast with itself": (
        GOOD + "contrasts:\n  - [nmer, nmer]\n",
        5,
        "contrasts.0",
        ["expected two different methods"],
    ),
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
    "no thread": (GOOD + "numerics: {threads: 0}", 4, "numerics.threads", ["found 0"]),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_wrong_suite_is_refused_with_line_field_and_remedy(case: str) -> None:
    text, line, field, words = BAD[case]
    message = complaint(text)
    assert message.startswith(f"suites/x.yaml:{line}: {field}: ")
    assert [word for word in words if word not in message] == []
    assert len(message.splitlines()) == 1


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
