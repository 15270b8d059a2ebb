"""What a plug-in of each group must be: what can be told without running it."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from merbench.config import Config
from merbench.registry import Group
from merbench.results.metrics import ConfusionMetric
from merbench.results.tables import TAKEN

# By path, so that reading a run, which wants metrics alone, imports no torch.
_BASES: dict[Group, str] = {
    "methods": "merbench.methods.base:Method",
    "noises": "merbench.corruption.noises.base:Noise",
    "readers": "merbench.corpus.readers.base:Reader",
}


def breach(group: Group, name: str, found: Any) -> str | None:
    """Return how a plug-in breaks the contract of its group, None where it keeps it.

    Args:
        group: it is registered in.
        name: it is called by.
        found: what its entry point or import path leads to.
    """
    return _of_metric(name, found) if group == "metrics" else _of_class(group, name, found)


def _of_class(group: Group, name: str, found: Any) -> str | None:
    module, _, attribute = _BASES[group].partition(":")
    base = getattr(importlib.import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, base)):
        return f"is no {group[:-1]}; expected a class derived from {module}.{attribute}"
    if inspect.isabstract(found):
        lacks = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        return f"is not complete; expected a definition of {lacks}"
    config = getattr(found, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Config)):
        return "has no settings; expected a `Config` derived from merbench.config.Config"
    # What an import path leads to is in no list, and needs no line for it.
    needed = ["summary"] if ":" not in name else []
    for attribute in [*needed, "family"] if group == "noises" else needed:
        text = getattr(found, attribute, None)
        if not (isinstance(text, str) and text.strip() and "\n" not in text):
            return f"has no `{attribute}`; expected one line of text, as an attribute of the class"
    return None


def _of_metric(name: str, found: Any) -> str | None:
    if not isinstance(found, ConfusionMetric):
        return (
            "is no metric of a confusion matrix; expected an object "
            f"merbench.results.metrics.ConfusionMetric, found {type(found).__name__}"
        )
    if ":" not in name and found.name != name:
        return f"calls itself {found.name!r}; expected the name of its entry point, {name!r}"
    if name in TAKEN:
        return "has the name of a column that every table has; expected a name of its own"
    if not found.higher_is_better:
        return (
            "says that lower is better; expected one of which more is better, since the gate asks "
            "whether a metric has dropped (turn it round: 1 - error)"
        )
    low, high = found.bounds.low, found.bounds.high
    if not -1 <= low < high <= 1:
        return f"has bounds {low:g} to {high:g}; expected them within -1 and 1"
    return None
