"""What the self-check finds: one line each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Verdict = Literal["ok", "note", "problem"]


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        group: such as `versions` or `disk`.
        name: of the thing.
        text: how it is, and what to do where it is not well.
        verdict: `ok`, `note` (a run works, but know this) or `problem` (a run would not).
    """

    group: str
    name: str
    text: str
    verdict: Verdict = "ok"
