"""Audits as JUnit test cases."""

from __future__ import annotations

from collections.abc import Sequence

from merbench.audit.audit import Audited
from merbench.audit.verdict import Checked
from merbench.report.junit import Case, Suite, junit_xml


def audit_junit(audits: Sequence[Audited]) -> bytes:
    """Return a JUnit document: one test suite for each method, one test case for each check."""
    return junit_xml(
        *(
            Suite(audited.label, [_case(audited.label, checked) for checked in audited.checks])
            for audited in audits
        )
    )


def _case(label: str, checked: Checked) -> Case:
    finding, group = checked.finding, f"merbench.audit.{label.replace('.', '_')}"
    details = "\n".join(f"{name}: {value}" for name, value in finding.evidence.items())
    if finding.verdict == "fail":
        text = f"{checked.check.how}\n\n{details}\n\n{checked.link}"
        return Case(group, checked.check.name, "failed", finding.summary, text, checked.seconds)
    if finding.verdict == "not applicable":
        return Case(group, checked.check.name, "skipped", finding.summary, "", checked.seconds)
    text = f"{finding.summary}\n{details}"
    return Case(group, checked.check.name, "passed", "", text, checked.seconds)
