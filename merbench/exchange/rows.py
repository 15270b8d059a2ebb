"""Reading predictions from CSV or Parquet: blocks of text columns that remember their rows."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merbench.errors import ConfigError

SUFFIXES = (".csv", ".parquet")
LONGEST = 4000  # bytes of a text; names of utterances and classes are shorter
_BLOCK_BYTES = 16 << 20
_BLOCK_ROWS = 1 << 18
_LINE_ENDS = ("\n", "\r")


@dataclass(frozen=True)
class Block:
    """Some rows that follow each other.

    Attributes:
        first: position of the first one in the file, from 0.
        columns: name -> (n,) text, or numbers as the file has them.
    """

    first: int
    columns: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def text(self, name: str) -> pa.Array:
        """Return a column as text, nothing as ''."""
        column = self.columns[name]
        if pa.types.is_dictionary(column.type):
            texts = column.dictionary
            if pa.types.is_large_string(texts.type) or pa.types.is_string(texts.type):
                # Each row that names a text gets a copy of it.
                longest = pc.max(pc.binary_length(texts)).as_py() or 0
                if longest > LONGEST:
                    raise ConfigError(f"column {name!r}: a text of {longest} bytes")
            column = column.dictionary_decode()
        return pc.fill_null(pc.cast(column, pa.string()), "")

    def is_empty(self, name: str) -> bool:
        """Say whether a column holds nothing at all in these rows."""
        return bool(pc.all(pc.equal(self.text(name), "")).as_py())

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as (n,) float64, NaN where it is no number."""
        column = self.columns[name]
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
            return found.astype(np.float64)
        text = self.text(name)
        try:
            exact: NDArray[np.float64] = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            exact = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(np.float64)
        return exact


@dataclass
class PredictionsFile:
    """A file of predictions.

    Attributes:
        path: where it is.
        columns: their names, in order.
        malformed: number of a line -> what is wrong with it, for the lines of a CSV that are no
            rows; filled while blocks are read.
        broken: row (from 0) -> a column in which it has a line break, in a CSV; filled likewise.
        lines: True where a CSV has a line for each row, False once one was found to have several.
    """

    path: Path
    columns: tuple[str, ...]
    malformed: dict[int, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    lines: bool = True

    @classmethod
    def open(cls, path: Path) -> PredictionsFile:
        """Look at a file.

        Raises:
            ConfigError: it is not there or a folder, is neither CSV nor Parquet, or names a column
                twice.
        """
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; expected predictions as CSV or Parquet")
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; expected predictions as CSV or Parquet")
        if path.suffix.lower() not in SUFFIXES:
            raise ConfigError(
                f"{path}: found the ending {path.suffix!r}; expected {' or '.join(SUFFIXES)}"
            )
        try:
            columns = _csv_header(path) if _is_csv(path) else _parquet_header(path)
        except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
            kind = "UTF-8 csv" if _is_csv(path) else "Parquet file"
            raise ConfigError(f"{path}: not a readable {kind} ({error})") from error
        for name in columns:
            if columns.count(name) > 1:
                raise ConfigError(f"{path}: column {name!r} occurs more than once")
        return cls(path, tuple(columns))

    def place(self, row: int) -> str:
        """Say where a row is: a CSV has lines, and its header is line 1; Parquet counts from 1.

        Where cells have line breaks, records are counted instead; the header is record 1.
        """
        if not _is_csv(self.path):
            return f"row {row + 1}"
        number = row + 2
        for skipped in sorted(self.malformed):
            number += skipped <= number
        return self.numbered(number)

    def numbered(self, number: int) -> str:
        """Say which line of a CSV a number means, or which record where lines do not count."""
        return f"{'line' if self.lines else 'record'} {number}"

    def blocks(self) -> Iterator[Block]:
        """Yield the rows.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            yield from self._csv() if _is_csv(self.path) else self._parquet()
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise ConfigError(f"{self.path}: cannot be read to its end ({error})") from error

    def _parquet(self) -> Iterator[Block]:
        with pq.ParquetFile(self.path, read_dictionary=list(self.columns)) as file:
            first = 0
            for batch in file.iter_batches(_BLOCK_ROWS):
                if len(batch):
                    yield Block(first, dict(zip(batch.schema.names, batch.columns, strict=True)))
                first += len(batch)

    def _csv(self) -> Iterator[Block]:
        def malformed(row: Any) -> str:
            found = f"{row.actual_columns} cell{'s' * (row.actual_columns != 1)}"
            self.malformed[row.number] = f"{found}; expected {row.expected_columns}"
            self.lines &= not any(end in row.text.rstrip("\r\n") for end in _LINE_ENDS)
            return "skip"

        reader = pcsv.open_csv(
            self.path,
            # One thread, so that each malformed row knows its line.
            read_options=pcsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=pcsv.ParseOptions(
                ignore_empty_lines=False,
                newlines_in_values=True,
                invalid_row_handler=malformed,
            ),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()), strings_can_be_null=False
            ),
        )
        first = 0
        for batch in reader:
            if len(batch):
                block = Block(first, dict(zip(self.columns, batch.columns, strict=True)))
                self._note_broken(block)
                yield block
            first += len(batch)

    def _note_broken(self, block: Block) -> None:
        """Note rows with a line break in some cell: lines cannot be counted from there on."""
        for name, cells in block.columns.items():
            for end in _LINE_ENDS:
                has = pc.match_substring(cells, end).to_numpy(zero_copy_only=False)
                for row in np.flatnonzero(has).tolist():
                    self.broken.setdefault(block.first + row, name)
        self.lines &= not self.broken


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _parquet_header(path: Path) -> list[str]:
    schema = pq.read_schema(path)
    for column in schema:
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            raise ConfigError(
                f"{path}: column {column.name!r} holds {column.type}; expected text or numbers"
            )
    return list(schema.names)


def _csv_header(path: Path) -> list[str]:
    # Arrow decodes a line only to complain of it, and then fails in a way that cannot be caught.
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as raw:
        while block := raw.read(_BLOCK_BYTES):
            decoder.decode(block)
    decoder.decode(b"", final=True)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream, strict=True), [])
