"""Rows become codes: which slot of the frame, which class; what is wrong with a row is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from merbench.errors import did_you_mean
from merbench.exchange.columns import Columns
from merbench.exchange.conditions import DEFAULTS, KEYS, Meaning
from merbench.exchange.frame import Frame
from merbench.exchange.probabilities import read_probabilities
from merbench.exchange.problems import RowProblems, nearest
from merbench.exchange.rows import Block

BLANK = -2


@dataclass(frozen=True)
class CodedRows:
    """Rows as codes.

    Attributes:
        slots: (n,) place in the frame, -1 where the row has none, `BLANK` where it is empty.
        seeds: (n,) seed, -1 where it is none.
        predictions: (n,) class, -1 where it is none.
        probabilities: (n, C) float16, None where there are none.
    """

    slots: NDArray[np.int64]
    seeds: NDArray[np.int64]
    predictions: NDArray[np.int16]
    probabilities: NDArray[np.float16] | None


class Coded(NamedTuple):
    """A text column: its distinct texts, and (n,) which of them each row has."""

    texts: list[str]
    codes: NDArray[np.int64]

    def of(self, row: int) -> str:
        """Return what a row says."""
        return self.texts[int(self.codes[row])]

    def mapped(self, known: Mapping[str, int]) -> NDArray[np.int64]:
        """Return (n,) numbers of the texts, -1 where a text is not known."""
        return np.array([known.get(text, -1) for text in self.texts], np.int64)[self.codes]


def coded(block: Block, column: str) -> Coded:
    """Return a column of a block as codes."""
    encoded = pc.dictionary_encode(block.text(column))
    return Coded(encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64))


class RowReader:
    """Reads blocks of one file."""

    def __init__(self, frame: Frame, columns: Columns, problems: RowProblems) -> None:
        self._frame, self._columns, self._problems = frame, columns, problems
        corpus = frame.corpus
        self._utterances = {name: n for n, name in enumerate(corpus.utterances)}
        self._classes = {name: n for n, name in enumerate(corpus.classes)}
        self._folds = {name: n for n, name in enumerate(frame.folds)}
        self._blank = np.zeros(0, np.bool_)

    def read(self, block: Block) -> CodedRows:
        """Return a block as codes."""
        self._blank = _blank_rows(block)
        utterances = self._named(block, "utterance", self._utterances, "utterance", "utterances")
        predictions = self._named(block, "prediction", self._classes, "class", "classes")
        seeds = self._seeds(block)
        conditions = self._conditions(block)
        slots = self._frame.slots(self._fold(block, utterances), conditions, utterances)
        self._labels(block, utterances)
        probabilities = read_probabilities(
            block, self._columns.probabilities, predictions, self._frame.corpus.classes, self._note
        )
        return CodedRows(
            np.where(self._blank, BLANK, slots), seeds, predictions.astype(np.int16), probabilities
        )

    def _note(
        self,
        block: Block,
        column: str,
        wrong: NDArray[np.bool_],
        explain: Callable[[int], str],
        kind: str = "",
    ) -> None:
        """Note wrong rows of a block; `explain` gets the position within it."""
        rows = np.flatnonzero(wrong & ~self._blank)
        self._problems.add(
            kind or column, column, rows + block.first, lambda n: explain(int(rows[n]))
        )

    def _named(
        self, block: Block, column: str, known: Mapping[str, int], one: str, many: str
    ) -> NDArray[np.int64]:
        said = coded(block, column)
        found = said.mapped(known)

        def explain(row: int) -> str:
            corpus = self._frame.corpus.name
            return f"no {one} {said.of(row)!r} in corpus {corpus!r}; " + nearest(
                said.of(row), known.keys(), many
            )

        self._note(block, column, found < 0, explain)
        return found

    def _seeds(self, block: Block) -> NDArray[np.int64]:
        if not self._columns.seed:
            return np.zeros(len(block), np.int64)
        said = coded(block, "seed")
        found = said.mapped({text: int(text) for text in said.texts if _is_seed(text)})
        self._note(
            block,
            "seed",
            found < 0,
            lambda row: f"found {said.of(row)!r}; expected a whole number such as 0",
        )
        return found

    def _conditions(self, block: Block) -> NDArray[np.int64]:
        found = by_keys = None
        lookup = self._frame.lookup
        if self._columns.condition:
            said = coded(block, "condition")
            found = self._meant(block, [lookup.by_id(text) for text in said.texts], said.codes)
        if self._columns.keys:
            by_keys = self._by_keys(block)
        if found is None or by_keys is None:
            either = by_keys if found is None else found
            return np.full(len(block), -1) if either is None else either
        ids, meant = found, by_keys
        self._note(
            block,
            "condition",
            (ids >= 0) & (meant >= 0) & (ids != meant),
            lambda row: (
                f"the id is that of {lookup.name(int(ids[row]))}, and "
                f"{', '.join(self._columns.keys)} say {lookup.name(int(meant[row]))}; "
                "expected the same (ids of another suite?)"
            ),
            kind="condition against keys",
        )
        return ids

    def _by_keys(self, block: Block) -> NDArray[np.int64]:
        given = {key: coded(block, key) for key in self._columns.keys}
        combined = np.zeros(len(block), np.int64)
        for said in given.values():
            combined = combined * len(said.texts) + said.codes
            # Kept dense, so that the product of six columns cannot overflow.
            combined = np.unique(combined, return_inverse=True)[1]
        first = np.unique(combined, return_index=True)[1]
        meanings = []
        for row in first.tolist():
            texts = [given[key].of(row) if key in given else DEFAULTS[key] for key in KEYS]
            meanings.append(self._frame.lookup.by_keys(*texts))
        return self._meant(block, meanings, combined)

    def _meant(
        self, block: Block, meanings: Sequence[Meaning], codes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        for column in dict.fromkeys(m.column for m in meanings if m.problem):
            wrong = np.array([m.column == column for m in meanings])[codes]
            self._note(block, column, wrong, lambda row: meanings[codes[row]].problem)
        return np.array([m.condition for m in meanings], np.int64)[codes]

    def _fold(self, block: Block, utterances: NDArray[np.int64]) -> NDArray[np.int64]:
        frame, known = self._frame, utterances >= 0
        if not self._columns.fold:
            found = np.where(known, frame.only_fold[utterances], -1)

            def no_fold(row: int) -> str:
                name = frame.corpus.utterances[utterances[row]]
                if found[row] == frame.SEVERAL:
                    return f"{name!r} is tested in several folds; expected a column 'fold'"
                return f"{name!r} is in no test part of fold {', '.join(frame.folds)}"

            self._note(block, "utterance", known & (found < 0), no_fold, kind="untested")
            return found
        said = coded(block, "fold")
        found = said.mapped(self._folds)
        self._note(
            block,
            "fold",
            found < 0,
            lambda row: f"no fold {said.of(row)!r}; {did_you_mean(said.of(row), frame.folds)}",
        )

        def wrong_fold(row: int) -> str:
            at = frame.places[:, utterances[row]] >= 0
            tested = ", ".join(name for name, there in zip(frame.folds, at, strict=True) if there)
            return (
                f"fold {said.of(row)!r} does not test "
                f"{frame.corpus.utterances[utterances[row]]!r}; expected "
                + (f"fold {tested}" if tested else "no row: no fold of the suite tests it")
            )

        tests = frame.places[found, utterances] >= 0
        self._note(block, "fold", (found >= 0) & known & ~tests, wrong_fold, kind="wrong fold")
        return found

    def _labels(self, block: Block, utterances: NDArray[np.int64]) -> None:
        """Compare the true classes, where the file has them: they tell another corpus."""
        if not self._columns.label:
            return
        corpus, said = self._frame.corpus, coded(block, "label")
        wrong = (utterances >= 0) & (said.mapped(self._classes) != corpus.labels[utterances])
        self._note(
            block,
            "label",
            wrong,
            lambda row: (
                f"found {said.of(row)!r}; expected "
                f"{corpus.classes[corpus.labels[utterances[row]]]!r}, as the corpus says"
            ),
        )


def _blank_rows(block: Block) -> NDArray[np.bool_]:
    """Return (n,) True for lines that are wholly empty, which mean nothing."""
    blank = np.ones(len(block), np.bool_)
    for name in block.columns:
        blank &= pc.equal(block.text(name), "").to_numpy(zero_copy_only=False)
        if not blank.any():
            break
    return blank


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
