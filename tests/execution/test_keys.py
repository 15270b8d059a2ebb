"""Content keys: what makes a cell another cell, and what does not."""

import importlib
import json
import linecache
import subprocess
import sys
from dataclasses import dataclass

import pytest
from merbench_baselines.modality_dropout import ModalityDropout
from merbench_baselines.noise_augment import NoiseAugment
from merbench_baselines.zero_fill import FusionNetwork, FusionStage

from merbench import registry
from merbench.code_version import _meaning, class_digest, harness_digest
from merbench.execution.plan import make_plan
from merbench.suite.load import load_suite

NETWORKS = {"zero_fill", "mmin"}
ALL = {"logreg", *NETWORKS}


@dataclass(frozen=True)
class Keys:
    """Keys of a plan: of cells by (method, fold, seed), and of shared stages."""

    cells: dict
    stages: frozenset


def keys_of(suite, *settings, **choice):
    plan = make_plan(load_suite(suite, settings, **choice))
    return Keys(
        {(c.label, c.fold.name, c.seed): c.key for c in plan.cells},
        frozenset(stage.key for stage in plan.stages),
    )


def changed(before, after):
    """Return the methods whose cells have another key (all of a method's cells, or none)."""
    assert before.cells.keys() == after.cells.keys()
    by_method = {}
    for cell, key in before.cells.items():
        by_method.setdefault(cell[0], set()).add(key != after.cells[cell])
    assert all(len(found) == 1 for found in by_method.values())
    return {method for method, found in by_method.items() if found == {True}}


def test_every_cell_and_stage_has_a_key_of_its_own(merbench):
    keys = keys_of(merbench.suite(seeds=[0, 1]))
    assert len(set(keys.cells.values()) | keys.stages) == 3 * 2 * 2 + 2 * 2


def test_planning_twice_gives_the_same_keys(merbench):
    assert keys_of(merbench.suite()) == keys_of(merbench.suite())


@pytest.mark.parametrize(
    ("setting", "methods"),
    [
        ("methods.2.forward_weight=3", {"mmin"}),
        ("methods.0.C=0.1", {"logreg"}),
        ("methods.1.noised_as=absent", {"zero_fill"}),
        ("methods.1.lr=0.01", {"zero_fill"}),
        ("methods.2.stage2={epochs: 2}", {"mmin"}),
        ("training.epochs=2", NETWORKS),
        ("training.clip=0.25", NETWORKS),
        ("corpus.seed=1", ALL),
        ("seed=1", ALL),
        ("train_missing_rate=0.2", ALL),
        ("grid.noise.0.severities=[0.6]", ALL),
        ("grid.noise.0.on=absent", ALL),
        ("grid.noise.0.schedule=cosine", ALL),
        ("grid.draws=2", ALL),
        ("grid.patterns=partial", ALL),
        ("numerics.threads=2", ALL),
        ("numerics.evaluation_batch=7", ALL),
        ("numerics.fleet=3", ALL),
    ],
)
def test_what_can_change_a_result_changes_the_keys_it_can_change(merbench, setting, methods):
    suite = merbench.suite()
    assert changed(keys_of(suite), keys_of(suite, setting)) == methods


@pytest.mark.parametrize(
    "setting",
    [
        "name=other",
        "version=2",
        "metrics=[f1]",
        "contrasts=[[mmin, zero_fill]]",
        "methods.2.forward_weight=4.0",  # the default, written out
        "numerics.fleet=1",  # what `auto` is on a CPU
        "numerics.matmul=tf32",  # which a CPU has not
    ],
)
def test_what_cannot_change_a_result_changes_no_key(merbench, setting):
    suite = merbench.suite()
    assert keys_of(suite, setting) == keys_of(suite)


def test_a_label_is_not_part_of_the_key(merbench):
    plain = keys_of(merbench.suite())
    relabelled = keys_of(merbench.suite(), "methods.2={name: mmin, label: other}")
    assert sorted(relabelled.cells.values()) == sorted(plain.cells.values())


def test_order_and_company_of_methods_seeds_and_folds_change_no_key(merbench):
    whole = keys_of(merbench.suite(seeds=[0, 1])).cells
    turned = keys_of(merbench.suite(methods=["mmin", "zero_fill", "logreg"], seeds=[1, 0])).cells
    assert turned == whole
    part = keys_of(merbench.suite(), methods=["mmin"], folds=["2"], seeds=[1]).cells
    assert part == {("mmin", "2", 1): whole["mmin", "2", 1]}


def test_methods_that_start_alike_share_their_first_stage(merbench):
    suite = merbench.suite(methods=["zero_fill", "mmin"], seeds=[0, 1])
    plan = make_plan(load_suite(suite))
    assert len(plan.stages) == 2 * 2
    mine = {(c.label, c.fold.name, c.seed): c for c in plan.cells}
    for fold, seed in [("1", 0), ("1", 1), ("2", 0), ("2", 1)]:
        assert mine["zero_fill", fold, seed].stages == mine["mmin", fold, seed].stages[:1]


def test_methods_that_start_differently_do_not_share(merbench):
    plan = make_plan(load_suite(merbench.suite(), ["methods.1.lr=0.01"]))
    zero_fill, mmin = plan.cells[2], plan.cells[4]
    assert (zero_fill.label, mmin.label) == ("zero_fill", "mmin")
    assert zero_fill.stages[0] != mmin.stages[0]
    assert len(plan.stages) == 2  # mmin's first, for two folds; zero_fill trains its own


METHOD = '''
"""A method of one's own."""
from merbench_baselines.zero_fill import ZeroFill


class Mine(ZeroFill):
    """A documented class."""

    version = 1

    def helper(self):
        return 1.5
'''


@pytest.fixture
def mine(merbench, monkeypatch):
    """Write a module anew and return the keys of the suite that names its class."""
    monkeypatch.syspath_prepend(merbench.folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    suite = merbench.suite(methods=["key_mine:Mine", "zero_fill"])

    def keys(source):
        (merbench.folder / "key_mine.py").write_text(source, "utf-8")
        sys.modules.pop("key_mine", None)
        registry.load.cache_clear()
        linecache.clearcache()
        importlib.invalidate_caches()
        return keys_of(suite)

    yield keys
    sys.modules.pop("key_mine", None)
    registry.load.cache_clear()


@pytest.mark.parametrize(
    "edit", [("1.5", "1.25"), ("version = 1", "version = 2"), ("self):", "self, x=0):")]
)
def test_another_code_of_a_method_is_another_cell(mine, edit):
    assert changed(mine(METHOD), mine(METHOD.replace(*edit))) == {"Mine"}


@pytest.mark.parametrize(
    "edit",
    [
        ('"""A documented class."""', '"""Otherwise documented."""'),
        ('"""A method of one\'s own."""', ""),
        ("return 1.5", "# because\n        return (1.5)"),
        ("\n\n\nclass", "\nclass"),
    ],
)
def test_comments_docstrings_and_layout_are_not_code(mine, edit):
    assert METHOD.replace(*edit) != METHOD
    assert changed(mine(METHOD), mine(METHOD.replace(*edit))) == set()


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("x = 1  # one", "x = 1", True),
        ("def f():\n    '''Doc.'''", "def f():\n    pass", True),
        ("x = 'a'", 'x = "a"', True),
        ("def f():\n    return 'Doc.'", "def f():\n    return 'doc.'", False),
        ("x = 1", "x = 1.0", False),
        ("def f():\n    x = 'a'\n    'b'", "def f():\n    x = 'a'", False),
    ],
)
def test_meaning_of_code(one, other, equal):
    assert (_meaning(one) == _meaning(other)) == equal


def test_a_class_answers_for_the_modules_of_its_bases():
    assert class_digest(FusionStage) != class_digest(NoiseAugment)
    assert class_digest(NoiseAugment) != class_digest(ModalityDropout)
    assert len(harness_digest()) == len(class_digest(FusionNetwork)) == 64


def test_the_order_of_noises_is_part_of_what_a_stage_that_trains_on_them_depends_on():
    noises = [{"type": t, "severities": [0.5], "on": "absent"} for t in ("gaussian", "impulse")]
    digests = []
    for order in (noises, noises[::-1]):
        grid = json.dumps({"patterns": ["audio+visual+text"], "noise": order})
        methods = "[{name: modality_dropout, train_noise: suite}, {name: mmin, train_noise: suite}]"
        plan = make_plan(
            load_suite("quick", [f"grid={grid}", f"methods={methods}", "contrasts=[]"])
        )
        digests.append(({cell.key for cell in plan.cells}, plan.protocol.token))
    assert not digests[0][0] & digests[1][0]
    assert digests[0][1] != digests[1][1]


PACKAGE = {
    "key_lab/__init__.py": "RATE = 1",
    "key_lab/model.py": "from merbench_baselines.zero_fill import ZeroFill\n"
    "from . import blocks\nfrom key_beside.sizes import scale\n"
    "class Mine(ZeroFill):\n    pass\n",
    "key_lab/blocks.py": "def block():\n    from key_lab.deep.layers import width\n"
    "    return width\n",
    "key_lab/deep/__init__.py": "",
    "key_lab/deep/layers.py": "width = 3",
    "key_lab/unrelated.py": "figure = 1",
    "key_beside/sizes.py": "import json\nimport numpy as np\n\nscale = 2",
}
# One process that has imported the harness, and a child for each folder.
FIND_DIGESTS = """
import os, sys
import merbench_baselines.zero_fill
from merbench import registry
from merbench.code_version import class_digest

for folder in sys.argv[1:]:
    if os.fork() == 0:
        os.chdir(folder)
        print(class_digest(registry.load("methods", "key_lab.model:Mine")), flush=True)
        os._exit(0)
    os.wait()
"""


def digests(folder, place, *variants):
    """Write the package with each variant's changes, and return what each answers for."""
    folders = []
    for number, changes in enumerate(variants):
        root = folder / str(number) / place
        for name, source in {**PACKAGE, **changes}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(source, "utf-8")
        folders.append(str(root))
    command = [sys.executable, "-B", "-c", FIND_DIGESTS, *folders]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return ended.stdout.split()


@pytest.mark.parametrize("place", [".", "site-packages"], ids=["checkout", "installed"])
def test_a_class_from_elsewhere_answers_for_the_modules_it_is_made_of(tmp_path, place):
    same = (
        {},
        {},
        {"key_lab/unrelated.py": "figure = 2"},
        {"key_lab/blocks.py": f"# b\n{PACKAGE['key_lab/blocks.py']}"},
    )
    other = (
        {"key_lab/__init__.py": "RATE = 2"},
        {"key_lab/blocks.py": PACKAGE["key_lab/blocks.py"].replace("return", "return 2 *")},
        {"key_lab/deep/layers.py": "width = 4"},
    )
    beside = {"key_beside/sizes.py": PACKAGE["key_beside/sizes.py"] + "0"}
    *found, last = digests(tmp_path, place, *same, *other, beside)
    assert len({*found[: len(same)]}) == 1
    assert len({*found}) == 1 + len(other)
    # What lies beside is theirs in a checkout; installed, it is another project's.
    assert (last == found[0]) == (place == "site-packages")
