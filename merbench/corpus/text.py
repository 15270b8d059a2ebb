"""Text that can be written again: names, ids and labels end up in tables and csv files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError
from merbench.text import UNFIT, first_unfit, shortened

LARGEST_JSON = 64 << 20  # bytes; a million ids have a third of it
UNWRITABLE = UNFIT


def first_unwritable(texts: Iterable[str]) -> str | None:
    """Return the first text that cannot be a name in tables, None where all can."""
    return first_unfit(texts)


def name_array(what: str, names: Sequence[str]) -> NDArray[np.str_]:
    """Return names as an array, which is as wide as the longest.

    Args:
        what: they are, for the error.
        names: N of them.

    Raises:
        CorpusError: one cannot be a name.
    """
    wrong = first_unfit(names)
    if wrong is not None:
        raise ProblemError("text", f"{what} {shortened(wrong, 100)!r} {UNFIT}")
    return np.array(names)


def read_json(path: Path) -> Any:
    """Read a JSON file whose text can all be written again.

    Raises:
        CorpusError: it cannot be read, or a field has text that cannot be written.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise ProblemError("unreadable", f"{path}: more than {LARGEST_JSON >> 20} MB of JSON")
    try:
        content = json.loads(path.read_text("utf-8"))
        fields = content.items() if isinstance(content, dict) else [("", content)]
        texts = {name: list(_texts(value)) for name, value in fields}
    except (OSError, ValueError, RecursionError) as error:
        raise ProblemError("unreadable", f"{path}: not a readable JSON file ({error})") from error
    for name, found in texts.items():
        if first_unfit([name, *found]) is not None:
            raise ProblemError("text", f"{path}, field {name!r}: {UNFIT}")
    return content


def _texts(value: Any) -> Iterator[str]:
    """Yield all text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
