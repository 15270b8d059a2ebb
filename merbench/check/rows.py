"""A rule as a row of text: what the terminal, a job's summary and the page show."""

from __future__ import annotations

import math

from merbench.check.verdicts import Rule, interval

HEADINGS = (
    *("verdict", "method", "metric", "conditions"),
    *("before", "after", "change", "interval", "tolerance", "sees"),
)
WORDS = 4  # the columns that are no numbers
SHORT_HEADINGS = (HEADINGS[0], "rule", *HEADINGS[WORDS + 1 :])
SHORT_WORDS = 2
EXPLAINED = (
    "Values in %, changes in points; intervals hold for all {number} rules at once. Sees: the "
    "smallest drop that would be flagged four times in five, were all models trained again."
)


def row(rule: Rule) -> tuple[str, ...]:
    """Return the texts of a rule, one for each heading."""
    head = (rule.verdict, rule.name, rule.metric_label, rule.group)
    if rule.verdict == "not comparable":
        return (*head, *[""] * (len(HEADINGS) - WORDS))
    return (
        *head,
        f"{100 * rule.reference:.1f}",
        f"{100 * rule.value:.1f}",
        f"{100 * rule.delta:+.1f}",
        interval(rule),
        f"{100 * rule.tolerance:.1f}",
        _size(rule.detectable),
    )


def short_row(rule: Rule) -> tuple[str, ...]:
    """Return the texts of a rule, one for each of `SHORT_HEADINGS`."""
    verdict, *name = (texts := row(rule))[:WORDS]
    return (verdict.replace(" ", "\n"), ", ".join(name), *texts[WORDS + 1 :])


def _size(value: float) -> str:
    if math.isnan(value):
        return "?"
    return f"{100 * value:.1f}" if value < 1 else "none"
