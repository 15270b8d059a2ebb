"""Text that can be written again: names, ids and labels end up in tables and csv files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from merbench.corpus.problems import ProblemError

UNWRITABLE = "cannot be written as UTF-8: it has half of a character (a lone surrogate)"


def first_unwritable(texts: Iterable[str]) -> str | None:
    """Return the first text that has no UTF-8 form, None where all have one."""
    return next((text for text in texts if not _writable(text)), None)


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_json(path: Path) -> Any:
    """Read a JSON file whose text can all be written again.

    Raises:
        CorpusError: it cannot be read, or a field has text that cannot be written.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        fields = content.items() if isinstance(content, dict) else [("", content)]
        texts = {name: json.dumps({name: value}, ensure_ascii=False) for name, value in fields}
    except (OSError, ValueError, RecursionError) as error:
        raise ProblemError("unreadable", f"{path}: not a readable JSON file ({error})") from error
    for name, text in texts.items():
        if not _writable(text):
            raise ProblemError("text", f"{path}, field {name!r}: {UNWRITABLE}")
    return content
