"""Labels as they are written, and the classes they name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError, Problems
from merbench.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Column:
    """One column of text, and where its cells stand, so that errors can point there.

    Attributes:
        title: the column as a whole, for errors.
        cells: one for each utterance.
        place: says where the cell of a row stands.
    """

    title: str
    cells: list[str]
    place: Callable[[int], str]

    def problem(self, row: int, kind: str, what: str) -> ProblemError:
        """Return a problem with the cell of a row."""
        return ProblemError(kind, f"{self.place(row)}: {what}")

    def empty(self) -> list[ProblemError]:
        """Return a problem for each empty cell."""
        return [
            self.problem(row, "empty cell", "the cell is empty")
            for row, cell in enumerate(self.cells)
            if cell == ""
        ]

    def duplicates(self) -> list[ProblemError]:
        """Return a problem for each id that stands further up already."""
        first: dict[str, int] = {}
        found = []
        for row, name in enumerate(self.cells):
            if first.setdefault(name, row) != row and name:
                found.append(
                    self.problem(
                        row,
                        "duplicate id",
                        f"utterance {name!r} stands in {self.place(first[name])} already",
                    )
                )
        return found


class Labels(NamedTuple):
    """Labels as numbers.

    Attributes:
        numbers: (N,) int64 positions in `classes`; 0 where a label was a problem.
        classes: class names.
    """

    numbers: NDArray[np.int64]
    classes: tuple[str, ...]


def read_labels(label: Column, classes: Sequence[str] | None, problems: Problems) -> Labels:
    """Turn labels into classes.

    Args:
        label: the labels, numbers or names.
        classes: order of the class names; sorted where not given, numeric names by value.
        problems: told of what is no class.

    Raises:
        ConfigError: a class is given twice.
    """
    order = _sorted_classes(label, problems)
    if classes is not None:
        order = _check_order(label, classes, problems)
    position = {name: k for k, name in enumerate(order)}
    return Labels(np.array([position.get(cell, 0) for cell in label.cells], np.int64), order)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _sorted_classes(label: Column, problems: Problems) -> tuple[str, ...]:
    """Check that the labels are classes, and sort them: numbers by value, names by letters."""
    labels: dict[int, float | None] = {}
    for row, cell in enumerate(label.cells):
        number = _number(cell)
        if cell == "" or (number is not None and math.isnan(number)):
            what = f"no label ({cell!r}); label the utterance or leave it out"
            problems.add(label.problem(row, "missing label", what))
        else:
            labels[row] = number
    values = {row: number for row, number in labels.items() if number is not None}
    if len(values) < len(labels):
        return tuple(sorted({label.cells[row] for row in labels}))
    for row, number in values.items():
        if not number.is_integer():
            what = (
                f"{label.cells[row]} is a continuous label, and merbench scores classes: bin the "
                "labels (for example negative < 0 <= positive, or at the median) and write the "
                "bins' names"
            )
            problems.add(label.problem(row, "continuous label", what))
    by_value = {label.cells[row]: number for row, number in values.items()}
    if len(set(by_value.values())) < len(by_value):
        problems.add(
            ProblemError(
                "label written in two ways",
                f"{label.title}: the same number is written in two ways "
                f"({', '.join(sorted(by_value))}); write each class in one",
            )
        )
    return tuple(sorted(by_value, key=by_value.__getitem__))


def _check_order(label: Column, classes: Sequence[str], problems: Problems) -> tuple[str, ...]:
    for row, cell in enumerate(label.cells):
        if cell not in classes and cell:
            what = f"label {cell!r} is not among classes; {did_you_mean(cell, classes)}"
            problems.add(label.problem(row, "unknown label", what))
    if len(set(classes)) < len(classes):
        raise ConfigError(f"classes: a name occurs twice in {', '.join(classes)}")
    return tuple(classes)
