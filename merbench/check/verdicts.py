"""The verdict on every rule, and on the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from merbench.errors import IncompleteError, NotComparableError

Verdict = Literal["regressed", "suspect", "not comparable", "improved", "ok"]
# Worst first.
VERDICTS: tuple[Verdict, ...] = ("regressed", "suspect", "not comparable", "improved", "ok")


@dataclass(frozen=True)
class Rule:
    """One value that must not drop. Values and differences are fractions.

    Attributes:
        method: label.
        name: how the method is shown.
        metric: name, such as `ua`.
        metric_label: how it is shown, such as `UA`.
        group: which conditions: `complete`, `partial mean`, `grid mean`, a pattern, or a noise as
            tables call it.
        reference: value in the reference; NaN where there is none.
        value: value in the run, mean over seeds.
        delta: value - reference.
        low: lower bound of delta; bounds hold for all rules at once.
        high: upper bound.
        p: of "no difference", adjusted for all rules.
        tolerance: the largest drop that is tolerated.
        detectable: the smallest true drop that would be flagged four times in five, were all models
            trained again; NaN where nothing tells, infinite where none would be.
        verdict: `regressed`: the drop is beyond the tolerance, and no luck; `suspect`: beyond it,
            but it may be luck; `improved`: a gain beyond the tolerance that is no luck; `not
            comparable`: no reference; `ok`: everything else.
    """

    method: str
    name: str
    metric: str
    metric_label: str
    group: str
    reference: float
    value: float
    delta: float
    low: float
    high: float
    p: float
    tolerance: float
    detectable: float
    verdict: Verdict


@dataclass(frozen=True)
class Checked:
    """A run held against a reference.

    Attributes:
        suite: name.
        run: what was checked, as the user called it.
        reference: what it was held against, likewise.
        rules: the worst first.
        identical: whether every count of the run is that of the reference.
        paired: whether both met the same corruptions.
        blocks: how many independent pairs of trained models there are, the most of any method.
        clusters: how many speakers or dialogues were tested; 0 where none are known.
        seeds: how many seeds a method has, the fewest.
        alpha: the chance that a run like its reference is failed.
        notes: what a reader must know, as sentences.
    """

    suite: str
    run: str
    reference: str
    rules: tuple[Rule, ...]
    identical: bool
    paired: bool
    blocks: int
    clusters: int
    seeds: int
    alpha: float
    notes: tuple[str, ...]

    def with_verdict(self, *verdicts: Verdict) -> tuple[Rule, ...]:
        """Return the rules that have one of these verdicts."""
        return tuple(rule for rule in self.rules if rule.verdict in verdicts)

    def failing(self, strict: bool = False) -> tuple[Rule, ...]:
        """Return the rules that fail the run; a strict gate does not let suspects pass."""
        return self.with_verdict("regressed", *(("suspect",) if strict else ()))

    def exit_code(self, strict: bool = False) -> int:
        """Return 0 (passed), 1 (a rule fails), 3 (no rule) or 4 (a rule has no reference)."""
        if not self.rules:
            return IncompleteError.exit_code
        if self.failing(strict):
            return 1
        if self.with_verdict("not comparable"):
            return NotComparableError.exit_code
        return 0

    def headline(self, strict: bool = False) -> str:
        """Return the verdict on the run in one line, the worst rule in it."""
        number = len(self.rules)
        if not number:
            return f"EMPTY: {self.run} and {self.reference} have no rule in common."
        failing = self.failing(strict)
        if failing:
            return f"FAILED: {sentence(failing[0])}; {_share(len(failing), number)} fail."
        alone = self.with_verdict("not comparable")
        if alone:
            names = ", ".join(dict.fromkeys(rule.name for rule in alone))
            return f"NOT COMPARABLE: the reference has no {names}."
        if self.identical:
            return f"PASSED: every prediction count is the reference's ({number} rules)."
        suspects, more = self.with_verdict("suspect"), ""
        if suspects:
            more = f"; {_share(len(suspects), number)} suspect, first: {sentence(suspects[0])}"
        return f"PASSED: no drop beyond tolerance is shown in {number} rules{more}."


def worst_first(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return rules in the order of their verdicts, then of how far they dropped."""
    return tuple(sorted(rules, key=lambda rule: (VERDICTS.index(rule.verdict), rule.delta)))


def sentence(rule: Rule) -> str:
    """Say what became of one rule."""
    what = f"{rule.name}, {rule.metric_label}, {rule.group}"
    if rule.verdict == "not comparable":
        return f"{what}: the reference has no such value"
    word = "dropped" if rule.delta < 0 else "gained"
    return (
        f"{what} {word} {points(abs(rule.delta))} to {100 * rule.value:.1f} % "
        f"{interval(rule)}, tolerance {100 * rule.tolerance:.1f}"
    )


def points(value: float) -> str:
    """Return a difference in points."""
    number = f"{100 * value:.1f}"
    return f"{number} point{'' if number == '1.0' else 's'}"


def interval(rule: Rule) -> str:
    """Return the bounds of a difference in points."""
    return f"[{_bound(rule.low)}, {_bound(rule.high)}]"


def _bound(value: float) -> str:
    return f"{100 * value:+.1f}" if abs(value) < 1 else ("-inf" if value < 0 else "+inf")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} rules"
