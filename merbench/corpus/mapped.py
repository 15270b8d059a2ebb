"""A modality whose features stay in their file, for every process of a machine to read."""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Kind, Modality
from merbench.corpus.npy import load_npy
from merbench.corpus.problems import ProblemError, located


@dataclass(frozen=True)
class MappedModality(Modality):
    """A modality in two npy files, `values` mapped into memory and never copied.

    To another process only the paths go: all processes of a machine share one copy of the pages.

    Attributes:
        values_file: (sum of lengths, width) float32.
        offsets_file: (N + 1,) int64.
    """

    values_file: Path
    offsets_file: Path

    def __reduce__(self) -> tuple[Any, ...]:
        """Send where the features are, not what they are."""
        state = (self.name, self.kind, self.values_file, self.offsets_file, self.values.shape)
        return (_open_again, state)

    def read(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return copies of (n,) frames, (n, width), by their places in `values`.

        Frames that follow one another are read from the file at once. No page of the mapping is
        touched: such pages would count as this process's memory until they are let go, and cost a
        fault each when they are next asked for.

        Raises:
            ProblemError: the file is shorter than when it was opened.
        """
        if not len(frames) or not hasattr(os, "preadv"):
            return super().read(frames)
        found = np.empty((len(frames), self.width), np.float32)
        of_frame = self.width * found.itemsize
        runs = np.flatnonzero(np.diff(frames, prepend=-2) != 1)
        places = (frames[runs] * of_frame + self._header).tolist()
        starts = (runs * of_frame).tolist()
        into, file = found.reshape(-1).view(np.uint8).data, self._file
        for place, start, end in zip(places, starts, [*starts[1:], len(into)], strict=True):
            _fill(into[start:end], file, place, self.values_file)
        return found

    def release(self) -> None:
        """Let go of the pages that were read: the file still has them, and so does its cache."""
        mapped = getattr(self.values, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    @cached_property
    def _file(self) -> int:
        file = os.open(self.values_file, os.O_RDONLY)
        weakref.finalize(self, os.close, file)
        return file

    @cached_property
    def _header(self) -> int:
        """Bytes of the file before its first frame."""
        mapping = cast("np.memmap[Any, np.dtype[np.float32]]", self.values)
        return int(mapping.offset)

    @classmethod
    def open(cls, name: str, kind: Kind, values_file: Path, offsets_file: Path) -> MappedModality:
        """Map a modality that was checked when it was written.

        Raises:
            CorpusError: a file is not there, or not of the form that was written.
        """
        values = _load(values_file, "<f4", 2)
        offsets = _load(offsets_file, "<i8", 1, mapped=False)
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(values):
            what = f"{offsets_file}: offsets must run from 0 to the {len(values)} frames there are"
            raise ProblemError("offsets", what)
        falls = np.flatnonzero(np.diff(offsets) < 0)
        if len(falls):
            what = f"{offsets_file}: entry {falls[0] + 1}: offsets must not decrease"
            raise ProblemError("offsets", what)
        found = cls(name, kind, values, offsets, values_file.resolve(), offsets_file.resolve())
        # Now, so that mapping and file are one whatever becomes of the path.
        _ = found._file
        return found


def _fill(into: memoryview, file: int, place: int, path: Path) -> None:
    """Fill a buffer with what a file has at a place."""
    while len(into):
        count = os.preadv(file, [into], place)
        if not count:
            raise ProblemError(
                "shape", f"{path}: has become shorter; leave a corpus alone while it is in use"
            )
        into, place = into[count:], place + count


def _open_again(
    name: str, kind: Kind, values_file: Path, offsets_file: Path, shape: tuple[int, ...]
) -> MappedModality:
    modality = MappedModality.open(name, kind, values_file, offsets_file)
    if modality.values.shape != shape:
        raise ProblemError(
            "shape",
            f"{values_file}: has shape {modality.values.shape}, and had {shape} when the run "
            "began; leave a corpus alone while it is in use",
        )
    return modality


def _load(path: Path, dtype: str, ndim: int, *, mapped: bool = True) -> NDArray[Any]:
    try:
        found = load_npy(path, "r" if mapped else None)
    except ProblemError as problem:
        raise located(path, problem) from problem
    if found.dtype != np.dtype(dtype) or found.ndim != ndim or not found.flags.c_contiguous:
        raise ProblemError(
            "shape",
            f"{path}: expected {np.dtype(dtype)} in {ndim} dimensions, found {found.dtype} of "
            f"shape {found.shape}",
        )
    return found
