"""The gate in a GitHub workflow: annotations, and a summary of the job in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from merbench.check.rows import EXPLAINED, HEADINGS, WORDS, row
from merbench.check.stopped import Stopped
from merbench.check.verdicts import VERDICTS, Checked, sentence

TITLE = "merbench check"
MOST = 10  # annotations of one kind that GitHub shows for a step
ROWS = 50
# Marks that mean something in Markdown, or in the HTML that it may hold.
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def workflow_commands(checked: Checked, strict: bool = False) -> Iterator[str]:
    """Give workflow commands: errors for what fails, warnings for suspects, notices for gains.

    Args:
        checked: the outcome.
        strict: whether suspects fail.
    """
    failing = checked.failing(strict)
    if checked.exit_code(strict) and not failing:
        yield _command("error", TITLE, checked.headline(strict))
    suspects = () if strict else checked.with_verdict("suspect")
    for kind, rules in (
        ("error", failing),
        ("warning", suspects),
        ("notice", checked.with_verdict("improved")),
    ):
        for rule in rules[:MOST]:
            title = f"{rule.verdict}: {rule.name}, {rule.metric_label}, {rule.group}"
            yield _command(kind, title, sentence(rule))


def job_summary(checked: Checked, strict: bool = False) -> str:
    """Return the outcome as Markdown: the headline, counts, and every rule that is not `ok`.

    Args:
        checked: the outcome.
        strict: whether suspects fail.
    """
    counts = [(len(checked.with_verdict(verdict)), verdict) for verdict in VERDICTS]
    rules = [rule for rule in checked.rules if rule.verdict != "ok"]
    lines = [
        f"## {TITLE}: {_plain(checked.suite)}",
        "",
        f"**{_plain(checked.headline(strict))}**",
        "",
        ", ".join(f"{number} {verdict}" for number, verdict in counts if number) or "no rule",
        "",
    ]
    if rules:
        lines.append(f"| {' | '.join(HEADINGS)} |")
        lines.append("|" + "---|" * WORDS + "--:|" * (len(HEADINGS) - WORDS))
        lines += [f"| {' | '.join(map(_plain, row(rule)))} |" for rule in rules[:ROWS]]
        left = f" The first {ROWS} of {len(rules)} rows." if len(rules) > ROWS else ""
        lines += ["", EXPLAINED.format(number=len(checked.rules)) + left, ""]
    lines += [f"- {_plain(note)}" for note in checked.notes]
    return "\n".join(lines).rstrip() + "\n"


def stopped_command(stopped: Stopped) -> str:
    """Return the workflow command that says why there is no verdict."""
    return _command("error", TITLE, stopped.headline)


def stopped_summary(stopped: Stopped) -> str:
    """Return Markdown that says why there is no verdict."""
    return f"## {TITLE}\n\n**{_plain(stopped.headline)}**\n"


def _command(kind: str, title: str, message: str) -> str:
    """Return a workflow command; what would end it is written as its code."""
    data = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = title.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = name.replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{data}"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
