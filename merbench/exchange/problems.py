"""What is wrong with a file of predictions: all of it, by row, the first few of each kind."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench.errors import ConfigError, did_you_mean

SHOWN = 3
_LONGEST = 200
_FEW = 30


class Example(NamedTuple):
    """One row that is wrong: its position among the rows (from 0), and why."""

    row: int
    text: str


@dataclass
class _Kind:
    column: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass
class RowProblems:
    """Problems as they are found.

    Attributes:
        path: the file, as the user called it.
        place: row (from 0) -> where that is, such as `line 7`.
    """

    path: str
    place: Callable[[int], str]
    _kinds: dict[str, _Kind] = field(default_factory=dict)
    _general: list[str] = field(default_factory=list)

    def add(
        self,
        kind: str,
        column: str,
        rows: NDArray[np.integer],
        explain: Callable[[int], str],
    ) -> None:
        """Note that some rows are wrong in the same way.

        Args:
            kind: tells it from other ways; never shown.
            column: the column at fault, empty where the row is.
            rows: positions, increasing.
            explain: the n-th of `rows` -> what is wrong with it, and what was expected.
        """
        if not len(rows):
            return
        found = self._kinds.setdefault(kind, _Kind(column))
        wanted = max(0, SHOWN - found.count)
        found.examples += [Example(int(row), explain(n)) for n, row in enumerate(rows[:wanted])]
        found.count += len(rows)

    def say(self, text: str) -> None:
        """Note what is wrong with the file as a whole."""
        self._general.append(text)

    def raise_any(self) -> None:
        """Raise if there is any problem.

        Raises:
            ConfigError: with one line for each of the first rows of each kind, and all counts.
        """
        lines = []
        for kind in self._kinds.values():
            column = f", column {kind.column!r}" if kind.column else ""
            lines += [
                f"{self.path}, {self.place(example.row)}{column}: {example.text}"
                for example in kind.examples
            ]
            if kind.count > len(kind.examples):
                rest = kind.count - len(kind.examples)
                lines.append(f"  and {rest} more like this ({kind.count} rows in all)")
        # What is missing comes last: it may only be what the rows above should have been.
        lines += [f"{self.path}: {text}" for text in self._general]
        if lines:
            lines.append("nothing was imported")
            raise ConfigError("\n".join(lines))


def nearest(name: str, options: Collection[str], what: str) -> str:
    """End a message about an unknown name: like `did_you_mean`, but never with a long list.

    Args:
        name: what stands in the file.
        options: every valid name.
        what: how there are called together, such as `utterances`.
    """
    if len(options) <= _FEW:
        return did_you_mean(name, options)
    # Comparing takes the time and memory of the longer one.
    near = difflib.get_close_matches(name[:_LONGEST], options, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"it is none of the {len(options)} {what}"
