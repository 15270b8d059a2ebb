"""Which columns a file of predictions has, and whether they are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merbench.errors import ConfigError, did_you_mean
from merbench.exchange.conditions import KEYS

# Columns of a run's own table that say nothing an import needs, and how pandas calls its index.
UNUSED = ("corpus", "method", "speaker", "dialogue", "requested", "", "__index_level_0__")
KNOWN = ("utterance", "condition", *KEYS, "fold", "seed", "prediction", "label", "protocol")


@dataclass(frozen=True)
class Columns:
    """What a file says of each prediction.

    Attributes:
        condition: True where rows carry a condition's id.
        keys: the columns that describe the condition, all that there are; empty without pattern.
        fold: True where rows name their fold.
        seed: True where rows carry a seed; it is 0 elsewhere.
        label: True where rows carry the true class, which is then compared.
        probabilities: columns in the order of the classes; empty where there are none.
    """

    condition: bool
    keys: tuple[str, ...]
    fold: bool
    seed: bool
    label: bool
    probabilities: tuple[str, ...]


def choose_columns(path: str, names: Sequence[str], classes: Sequence[str]) -> Columns:
    """Look at the header.

    Args:
        path: the file, as the user called it.
        names: its columns.
        classes: of the corpus.

    Raises:
        ConfigError: all that is missing or not known.
    """
    problems = []
    halves = [f"p_{name}" for name in classes]
    valid = [*KNOWN, *halves]
    for name in ("utterance", "prediction"):
        if name not in names:
            problems.append(f"no column {name!r}; {_nearest_column(name, names)}")
    if "condition" not in names and "pattern" not in names:
        problems.append(
            "no column 'condition'; expected the id of conditions.csv, or the columns "
            f"{', '.join(KEYS)}"
        )
    for name in names:
        if name not in valid and name not in UNUSED:
            problems.append(f"unknown column {name!r}; {did_you_mean(name, valid)}")
    given = [name for name in halves if name in names]
    lacking = [name for name in halves if name not in names]
    if given and lacking:
        problems.append(
            f"has {', '.join(given)} but not {', '.join(lacking)}; expected a probability for "
            "every class, or for none"
        )
    if problems:
        lines = [f"{path}: {problem}" for problem in problems]
        raise ConfigError("\n".join([*lines, "nothing was imported"]))
    return Columns(
        condition="condition" in names,
        keys=tuple(key for key in KEYS if key in names) if "pattern" in names else (),
        fold="fold" in names,
        seed="seed" in names,
        label="label" in names,
        probabilities=tuple(halves) if given else (),
    )


def _nearest_column(name: str, names: Sequence[str]) -> str:
    return did_you_mean(name, names).replace("valid: ", "found: ")
