"""A safetensors file that is laid out first and filled row by row, in any order.

Eight bytes say, little-endian, how long the header is; the header is JSON and names type, shape and
place of every tensor; their data follow without gaps. Rows are written through the file, not
through a mapping of it: a full disk is then an error like any other, and what was written does not
count as memory of the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_CODES = {
    np.dtype(np.int32): "I32",
    np.dtype(np.float16): "F16",
    np.dtype(np.int16): "I16",
}
_ALIGNMENT = 8


@dataclass(frozen=True)
class TensorShape:
    """What a tensor of the file holds.

    Attributes:
        dtype: one of int32, float16 and int16.
        shape: its rows run along the first axis.
    """

    dtype: type[np.int32 | np.float16 | np.int16]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * np.dtype(self.dtype).itemsize


class TensorFile:
    """Writes a file of tensors whose shapes are known beforehand; use it as a context."""

    def __init__(self, path: Path, tensors: Mapping[str, TensorShape]) -> None:
        """Create the file at its full size.

        Args:
            path: must be new.
            tensors: by name.
        """
        # The widest types first, so that each tensor lies at a multiple of its type's width.
        order = sorted(tensors, key=lambda name: (-np.dtype(tensors[name].dtype).itemsize, name))
        self._tensors = {name: tensors[name] for name in order}
        self._lacking = {name: np.ones(each.shape[0], bool) for name, each in tensors.items()}
        entries, place, self._places = {}, 0, dict[str, int]()
        for name, tensor in self._tensors.items():
            end = place + tensor.shape[0] * tensor.size
            entries[name] = {
                "dtype": _CODES[np.dtype(tensor.dtype)],
                "shape": [*tensor.shape],
                "data_offsets": [place, end],
            }
            self._places[name], place = place, end
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % _ALIGNMENT)
        self._start = 8 + len(header)
        self._file = path.open("xb")
        self._file.write(len(header).to_bytes(8, "little") + header)
        self._file.truncate(self._start + place)

    def write(
        self, name: str, rows: Sequence[int] | NDArray[np.int64], values: NDArray[Any]
    ) -> None:
        """Write some rows of a tensor.

        Args:
            name: of the tensor.
            rows: k numbers.
            values: (k, ...) of exactly the tensor's type.

        Raises:
            ValueError: values of another type or shape, or a row that is not there.
        """
        tensor, numbers = self._tensors[name], np.asarray(rows, np.int64)
        expected = (len(numbers), *tensor.shape[1:])
        if values.dtype != tensor.dtype or values.shape != expected:
            raise ValueError(
                f"{name}: found {values.dtype} {values.shape}, expected "
                f"{np.dtype(tensor.dtype)} {expected}"
            )
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < tensor.shape[0]:
            raise ValueError(f"{name}: a row is outside 0..{tensor.shape[0] - 1}")
        # Rows that follow each other are written together.
        breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
        for some, first in zip(np.split(values, breaks), [0, *breaks.tolist()], strict=True):
            if some.size:
                self._file.seek(
                    self._start + self._places[name] + int(numbers[first]) * tensor.size
                )
                self._file.write(np.ascontiguousarray(some).data)
        self._lacking[name][numbers] = False

    def check_complete(self) -> None:
        """Refuse a file in which something was never written.

        Raises:
            ValueError: naming the tensor and the first such row.
        """
        for name, lacking in self._lacking.items():
            if lacking.any():
                raise ValueError(f"{name}: row {int(lacking.argmax())} was never written")

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()

    def __enter__(self) -> Self:
        """Use the file in a block that closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if error is None:
            self.close()
            return
        with suppress(OSError):  # a full disk says so again; what ended the block is worth more
            self.close()
