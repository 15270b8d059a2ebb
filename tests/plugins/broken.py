"""A package whose plug-ins are each broken in one way, and what must be said of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from merbench import registry

PACKAGE = "merbench-broken"
HEAD = """
from merbench.methods.base import BlackBox, Method, MethodConfig
from merbench.corruption.noises.base import Noise
from merbench.corpus.readers.base import PathConfig, Reader
from merbench.results.metrics import WA, Bounds, ConfusionMetric
from dataclasses import replace
"""


class Broken(NamedTuple):
    """A plug-in that cannot be used.

    Attributes:
        group: it is registered in.
        name: it is registered as.
        source: of its module, after `HEAD` unless it starts by itself.
        attribute: that its entry point names.
        says: words of the error.
        listed: whether a list can tell already.
    """

    group: registry.Group
    name: str
    source: str
    attribute: str
    says: str
    listed: bool = True


CASES: dict[str, Broken] = {
    "a library is missing": Broken(
        "methods",
        "lost",
        "import no_such_library",
        "Mine",
        "cannot import module 'merbench_broken.m0' (No module named 'no_such_library')",
    ),
    "its module raises": Broken(
        "noises",
        "raising",
        "raise RuntimeError('no licence')",
        "Mine",
        "cannot import module 'merbench_broken.m1' (RuntimeError: no licence)",
    ),
    "its module leaves": Broken(
        "readers",
        "leaving",
        "import sys; sys.exit('bye')",
        "Mine",
        "cannot import module 'merbench_broken.m2' (SystemExit: bye)",
    ),
    "its module does not parse": Broken(
        "metrics",
        "unwritten",
        "def kappa(:",
        "KAPPA",
        "cannot import module 'merbench_broken.m3' (SyntaxError",
    ),
    "the entry point names nothing": Broken(
        "methods",
        "misspelt",
        "class Minne(Method): pass",
        "Mine",
        "has no 'Mine'; did you mean 'Minne'?",
    ),
    "it is another kind of class": Broken(
        "methods",
        "reader",
        "class Mine(Reader): pass",
        "Mine",
        "is no method; expected a class derived from merbench.methods.base.Method",
    ),
    "it is an object and no class": Broken(
        "noises", "made", "Mine = 3", "Mine", "is no noise; expected a class derived from"
    ),
    "something is not defined": Broken(
        "methods",
        "halfway",
        "class Mine(BlackBox):\n    summary = 'half'\n    def arrays(self): ...",
        "Mine",
        "is not complete; expected a definition of fit, predict_proba, restore",
    ),
    "its settings are no Config": Broken(
        "methods",
        "unset",
        "class Mine(Method):\n    summary = 's'\n    Config = dict",
        "Mine",
        "has no settings; expected a `Config` derived from merbench.config.Config",
    ),
    "it has no summary": Broken(
        "methods",
        "silent",
        "class Mine(Method): pass",
        "Mine",
        "has no `summary`; expected one line of text",
    ),
    "its summary has two lines": Broken(
        "readers",
        "verbose",
        "class Mine(Reader):\n    summary = 'a\\nb'\n    Config = PathConfig\n"
        "    detect = classmethod(lambda c, p: False)\n    read = classmethod(lambda c, s: None)",
        "Mine",
        "has no `summary`; expected one line of text",
    ),
    "a noise has no family": Broken(
        "noises",
        "orphan",
        "class Mine(Noise):\n    summary = 's'\n    def draw(self, target, device): ...",
        "Mine",
        "has no `family`; expected one line of text",
    ),
    "a metric is a function": Broken(
        "metrics",
        "bare",
        "def bare(counts): return counts",
        "bare",
        "is no metric of a confusion matrix; expected an object "
        "merbench.results.metrics.ConfusionMetric, found function",
    ),
    "a metric has another name": Broken(
        "metrics",
        "mcc",
        "MCC = replace(WA, name='matthews')",
        "MCC",
        "calls itself 'matthews'; expected the name of its entry point, 'mcc'",
    ),
    "less is better": Broken(
        "metrics",
        "error",
        "ERROR = replace(WA, name='error', higher_is_better=False)",
        "ERROR",
        "says that lower is better; expected one of which more is better",
    ),
    "a metric has no end": Broken(
        "metrics",
        "odds",
        "ODDS = replace(WA, name='odds', bounds=Bounds(0.0, 100.0))",
        "ODDS",
        "has bounds 0 to 100; expected them within -1 and 1",
    ),
    "a metric is a column already": Broken(
        "metrics",
        "severity",
        "SEVERITY = replace(WA, name='severity')",
        "SEVERITY",
        "has the name of a column that every table has; expected a name of its own",
    ),
    "its settings hide those of training": Broken(
        "methods",
        "greedy",
        "class Mine(Method):\n    summary = 's'\n    class Config(MethodConfig):\n"
        "        epochs: int = 3",
        "Mine",
        "use keys that every entry has: epochs; expected names of their own",
        listed=False,
    ),
    "a method's name is taken": Broken(
        "methods",
        "discard",
        "class Mine(Method):\n    summary = 's'",
        "Mine",
        "is taken more than once: by ",
    ),
    "a metric's name is taken": Broken(
        "metrics", "weighted_f1", "Mine = WA", "Mine", "is taken more than once: by "
    ),
}


def write(folder: Path) -> None:
    """Write the modules of all cases as a package."""
    package = folder / "merbench_broken"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for number, case in enumerate(CASES.values()):
        alone = case.source.startswith(("import", "raise"))
        text = case.source if alone else HEAD + case.source
        (package / f"m{number}.py").write_text(f"{text}\n", "utf-8")


def entry_points() -> dict[str, list[str]]:
    """Return group -> lines `name = value`."""
    found: dict[str, list[str]] = {}
    for number, case in enumerate(CASES.values()):
        value = f"merbench_broken.m{number}:{case.attribute}"
        found.setdefault(f"merbench.{case.group}", []).append(f"{case.name} = {value}")
    return found
