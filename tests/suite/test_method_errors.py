"""Wrong methods and contrasts of a suite are refused at their place in the file."""

from __future__ import annotations

import pytest

from merbench.methods.base import Method, MethodConfig
from tests.suite.complaints import GOOD, HEAD, Case, check_refused

HERE = __name__


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


BAD: dict[str, Case] = {
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
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_wrong_method_is_refused_with_line_field_and_remedy(case: str) -> None:
    check_refused(BAD[case])
