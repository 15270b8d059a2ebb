"""The errors a user can cause or meet, each with the exit code the commands promise."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from merbench.text import MOST_NAMES, shortened

_COMPARED, _LONGEST = 1000, 200


class MerbenchError(Exception):
    """Something the user can act on: shown as one message, never as a traceback."""

    exit_code = 2


class ConfigError(MerbenchError):
    """A suite, a flag or a method setting is wrong."""


class CorpusError(MerbenchError):
    """A corpus cannot be read, or cannot carry what was asked of it."""


class IncompleteError(MerbenchError):
    """A run lacks cells that were asked for, or is empty."""

    exit_code = 3


class NotComparableError(MerbenchError):
    """Two things were made under different protocols, so that no number of them compares."""

    exit_code = 4


class CellError(MerbenchError):
    """A cell could not be trained or evaluated."""

    exit_code = 1


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """End an error message about an unknown name.

    Args:
        name: what the user wrote.
        options: every name that would have been valid.

    Returns:
        The nearest valid name if one is near, and all valid names.
    """
    known = sorted(options)
    # Comparing takes time that grows with both names and with their number.
    near = difflib.get_close_matches(
        name[:_LONGEST], (n for n in known[:_COMPARED] if len(n) <= _LONGEST), n=1, cutoff=0.5
    )
    hint = f"did you mean {near[0]!r}? " if near else ""
    names = ", ".join(shortened(n, _LONGEST) for n in known[:MOST_NAMES]) if known else "none"
    if len(known) > MOST_NAMES:
        names += f" and {len(known) - MOST_NAMES} more"
    # Names come from files too, and may hold what no terminal or file takes.
    return f"{hint}valid: {names}".encode("utf-8", "backslashreplace").decode()
