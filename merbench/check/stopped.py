"""A check that ended without a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from merbench.errors import IncompleteError, NotComparableError

_WORDS = {IncompleteError.exit_code: "INCOMPLETE", NotComparableError.exit_code: "NOT COMPARABLE"}


@dataclass(frozen=True)
class Stopped:
    """Why there is no verdict.

    Attributes:
        run: what was to be checked, as the user called it.
        reference: what it was to be held against, likewise.
        reason: what was wrong.
        exit_code: of the command.
    """

    run: str
    reference: str
    reason: str
    exit_code: int

    @property
    def headline(self) -> str:
        """The reason in one line, with the kind of trouble before it."""
        return f"{_WORDS.get(self.exit_code, 'ERROR')}: {' '.join(self.reason.split())}"
