"""What a check of the audit is, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

Verdict = Literal["pass", "fail", "note", "not applicable"]
Number = float | int | str
B = TypeVar("B")
DOCS = "docs/audit.md"


class NotApplicableError(Exception):
    """A check cannot say anything; the text says why."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        verdict: `fail` breaks the protocol; `note` is for the reader to judge.
        summary: one sentence with the figures that decide.
        evidence: every figure measured, by name.
    """

    verdict: Verdict
    summary: str
    evidence: Mapping[str, Number]


class Check(ABC, Generic[B]):
    """One property of a method or a corpus, and how it is tested.

    Attributes:
        name: in tables, in JUnit and as the anchor in the guide.
        proves: what holds where it passes.
        how: how it is tested.
        apart: True where it works on trainings of its own, so that another process may do it.
    """

    name: ClassVar[str]
    proves: ClassVar[str]
    how: ClassVar[str]
    apart: ClassVar[bool] = False

    @abstractmethod
    def run(self, bench: B) -> Finding:
        """Test what is on the bench.

        Raises:
            NotApplicableError: there is nothing that could be tested.
        """


@dataclass(frozen=True)
class Checked:
    """A check that was run."""

    check: Check[Any]
    finding: Finding
    seconds: float

    @property
    def link(self) -> str:
        """Where the guide explains it."""
        return f"{DOCS}#{self.check.name}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "check": self.check.name,
            "verdict": self.finding.verdict,
            "summary": self.finding.summary,
            "evidence": dict(self.finding.evidence),
            "proves": self.check.proves,
            "how": self.check.how,
            "docs": self.link,
            "seconds": round(self.seconds, 3),
        }


def verdict_of(failed: bool) -> Verdict:
    """Return `fail` or `pass`."""
    return "fail" if failed else "pass"
