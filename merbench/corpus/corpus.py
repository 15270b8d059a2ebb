"""A corpus in memory: utterances, labels, groups, and one ragged array per modality."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError, Problems
from merbench.corpus.text import UNWRITABLE, first_unwritable
from merbench.errors import CorpusError

Kind = Literal["vector", "tokens", "sequence"]
TOKEN_NAMES = frozenset({"text", "language", "transcript"})
# So many numbers are read at a time: in float64, too, they stay in a core's cache.
_NUMBERS = 1 << 17
GROUPINGS = ("speaker", "session", "dialogue")


@dataclass(frozen=True)
class Modality:
    """The features of one modality for every utterance.

    Attributes:
        name: as the corpus calls it.
        kind: `vector` (every utterance has one frame), `tokens` or `sequence`; decides the encoder.
        values: (sum of lengths, width) float32, utterances one after the other; NaN is allowed.
        offsets: (N + 1,) int64; utterance i is `values[offsets[i]:offsets[i + 1]]`.
            An utterance of length 0 is natively absent.
    """

    name: str
    kind: Kind
    values: NDArray[np.float32]
    offsets: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Number of raw feature columns."""
        return int(self.values.shape[1])

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) frames per utterance."""
        return np.diff(self.offsets)

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """(N,) True where the modality is natively absent."""
        return np.equal(self.lengths, 0)

    @cached_property
    def holes(self) -> NDArray[np.int64]:
        """(width,) how many values of each column are NaN."""
        found = np.zeros(self.width, np.int64)
        for _, values in self.pieces(np.arange(len(self.values))):
            # A sum is NaN where a value is, and costs less than to ask each.
            with np.errstate(over="ignore", invalid="ignore"):
                columns = np.isnan(values.sum(axis=0))
            if columns.any():
                found[columns] += np.isnan(values[:, columns]).sum(axis=0)
        return found

    def read(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return copies of (n,) frames, (n, width), by their places in `values`."""
        return self.values[frames]

    def pieces(self, frames: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Read frames some at a time: yield which of `frames`, and copies of them."""
        size = max(1, _NUMBERS // self.width)
        for start in range(0, len(frames), size):
            some = slice(start, min(len(frames), start + size))
            yield some, self.read(frames[some])

    def sequence(self, utterance: int) -> NDArray[np.float32]:
        """Return the (T, width) features of one utterance."""
        return self.values[self.offsets[utterance] : self.offsets[utterance + 1]]

    @classmethod
    def build(
        cls,
        name: str,
        values: NDArray[np.floating],
        offsets: NDArray[np.integer] | None = None,
        kind: Kind | None = None,
        *,
        utterances: Sequence[str] | None = None,
        problems: Problems | None = None,
    ) -> Modality:
        """Check and normalise what a reader found.

        An utterance whose frames are all NaN becomes an empty sequence, so that "natively absent"
        has one form. `kind` is inferred where it is not said: `vector` where no utterance has more
        than one frame, `tokens` by name (text, language, transcript), else `sequence`.

        Args:
            name: of the modality.
            values: (sum of lengths, width) numbers.
            offsets: (N + 1,), one frame an utterance where not given.
            kind: inferred where not said.
            utterances: N ids, to name them in errors.
            problems: told of what is wrong; the first is raised where not given.

        Raises:
            CorpusError: wrong shape, infinite values, offsets that do not fit, or no value at all.
        """
        problems = problems or Problems()
        values = np.asarray(values)
        if values.ndim != 2 or values.dtype.kind not in "fiu":
            raise ProblemError(
                "shape",
                f"modality {name!r}: expected a numeric array of shape (frames, width), "
                f"found {values.dtype} of shape {values.shape}",
            )
        if offsets is None:
            offsets = np.arange(len(values) + 1)
        starts: NDArray[np.int64] = np.asarray(offsets, np.int64)
        problems.fail(_offset_problems(name, starts, len(values)))
        # What is too large for float32 becomes infinite, and is found as such.
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(values, np.float32)
        for problem in _infinite(name, values, starts, utterances):
            problems.add(problem)
        values, starts = _drop_empty(values, starts)
        if not len(values):
            raise ProblemError("no value", f"modality {name!r} has no value for any utterance")
        if kind is None:
            if np.diff(starts).max() <= 1:
                kind = "vector"
            else:
                kind = "tokens" if name.lower() in TOKEN_NAMES else "sequence"
        if kind not in get_args(Kind):
            raise CorpusError(
                f"modality {name!r}: unknown kind {kind!r}; valid: {', '.join(get_args(Kind))}"
            )
        if kind == "vector" and np.diff(starts).max() > 1:
            raise CorpusError(f"modality {name!r} is said to be a vector but has several frames")
        return cls(name, kind, values, starts)


def _offset_problems(name: str, offsets: NDArray[np.int64], frames: int) -> list[ProblemError]:
    found = []
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != frames:
        what = f"modality {name!r}: offsets must run from 0 to the {frames} frames there are"
        found.append(ProblemError("offsets", what))
    for k in np.flatnonzero(np.diff(offsets) < 0).tolist():
        what = f"entry {k + 1} is {offsets[k + 1]}, after {offsets[k]}"
        found.append(
            ProblemError("offsets", f"modality {name!r}: offsets must not decrease; {what}")
        )
    return found


def _infinite(
    name: str,
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    utterances: Sequence[str] | None,
) -> list[ProblemError]:
    """Return a problem for each utterance that has infinite values."""
    places = np.argwhere(np.isinf(values))
    owners = np.searchsorted(offsets, places[:, 0], side="right") - 1
    found = []
    for owner, first in zip(
        *(a.tolist() for a in np.unique(owners, return_index=True)), strict=True
    ):
        who = f"row {owner}" if utterances is None else f"utterance {utterances[owner]!r}"
        what = (
            f"modality {name!r}, {who}: infinite values (first in column {places[first, 1]}); "
            "expected finite numbers, or NaN where nothing is known"
        )
        found.append(ProblemError("infinite value", what))
    return found


def _drop_empty(
    values: NDArray[np.float32], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Remove the frames of utterances in which every value is NaN."""
    nan_frames = np.isnan(values).all(axis=1)
    if not nan_frames.any():
        return values, offsets
    counts = np.concatenate([[0], np.cumsum(nan_frames)])
    lengths = np.diff(offsets)
    gone = (np.diff(counts[offsets]) == lengths) & (lengths > 0)
    if not gone.any():
        return values, offsets
    kept = np.repeat(~gone, lengths)
    return values[kept], np.concatenate([[0], np.cumsum(np.where(gone, 0, lengths))])


@dataclass(frozen=True)
class PredefinedFold:
    """A division that comes with the corpus: utterance positions of each part."""

    name: str
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Utterances with labels, groups and modalities.

    Attributes:
        name: for tables.
        utterances: N unique ids.
        labels: (N,) int64 positions in `classes`.
        classes: class names.
        modalities: at least two, in corpus order.
        speakers: (N,) str, or None where unknown; likewise `sessions` and `dialogues`.
        predefined: folds the corpus brings along (empty where it brings none).
    """

    name: str
    utterances: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    modalities: tuple[Modality, ...]
    speakers: NDArray[np.str_] | None = None
    sessions: NDArray[np.str_] | None = None
    dialogues: NDArray[np.str_] | None = None
    predefined: tuple[PredefinedFold, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.utterances)
        if len(set(self.utterances)) != n:
            seen: set[str] = set()
            twice = next(u for u in self.utterances if u in seen or seen.add(u))  # type: ignore[func-returns-value]
            raise CorpusError(f"corpus {self.name!r}: utterance {twice!r} occurs more than once")
        if len(self.modalities) < 2:
            found = ", ".join(m.name for m in self.modalities) or "none"
            raise CorpusError(f"corpus {self.name!r}: needs at least 2 modalities, found: {found}")
        names = [m.name for m in self.modalities]
        for name in names:
            if "+" in name or not name or names.count(name) > 1:
                raise CorpusError(
                    f"corpus {self.name!r}: modality name {name!r} must be unique, not empty "
                    "and without '+'"
                )
        for modality in self.modalities:
            if len(modality.offsets) != n + 1:
                raise CorpusError(
                    f"corpus {self.name!r}: modality {modality.name!r} has "
                    f"{len(modality.offsets) - 1} utterances, the index has {n}"
                )
        for what, column in (("labels", self.labels), *self.groups.items()):
            if len(column) != n:
                raise CorpusError(f"corpus {self.name!r}: {len(column)} {what} for {n} utterances")
        for what, texts in (
            ("name", [self.name]),
            ("utterance", self.utterances),
            ("class", self.classes),
            ("modality", names),
            ("fold", [fold.name for fold in self.predefined]),
            *((group, column.tolist()) for group, column in self.groups.items()),
        ):
            wrong = first_unwritable(texts)
            if wrong is not None:
                text = f"corpus {self.name!r}: {what} {wrong!r} {UNWRITABLE}"
                raise ProblemError("text", text)
        if len(self.classes) < 2:
            raise CorpusError(f"corpus {self.name!r}: needs at least 2 classes")

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def groups(self) -> dict[str, NDArray[np.str_]]:
        """The known groupings: speaker, session and dialogue, each (N,) str."""
        columns = (self.speakers, self.sessions, self.dialogues)
        return {
            name: column
            for name, column in zip(GROUPINGS, columns, strict=True)
            if column is not None
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names in corpus order."""
        return tuple(m.name for m in self.modalities)

    @cached_property
    def available(self) -> NDArray[np.bool_]:
        """(N, M) False where a modality is natively absent."""
        return np.stack([~m.absent for m in self.modalities], axis=1)

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 over everything that can change a result: the layout on disk cannot."""
        sha = hashlib.sha256(b"merbench corpus 1")

        def add(tag: str, data: bytes) -> None:
            sha.update(f"{tag}:{len(data)}:".encode())
            sha.update(data)

        add("utterances", "\0".join(self.utterances).encode())
        add("classes", "\0".join(self.classes).encode())
        add("labels", self.labels.astype("<i8").tobytes())
        for name, column in self.groups.items():
            add(name, "\0".join(column.tolist()).encode())
        for modality in self.modalities:
            add("modality", f"{modality.name}\0{modality.kind}\0{modality.width}".encode())
            add("offsets", modality.offsets.astype("<i8").tobytes())
            sha.update(np.ascontiguousarray(modality.values, "<f4").data)
        return sha.hexdigest()
