"""The audit's part of the page."""

from __future__ import annotations

from dataclasses import dataclass

from merbench.analysis.findings import Findings
from merbench.report.page.method_facts import Table

_SHORT = {"not applicable": "n/a"}


@dataclass(frozen=True)
class AuditRemark:
    """A check that a method does not simply pass."""

    method: str
    check: str
    verdict: str
    summary: str
    proves: str


@dataclass(frozen=True)
class AuditView:
    """What the audit found.

    Attributes:
        table: a row for each method, a column for each check.
        remarks: what does not simply pass, failures first.
        missing: methods of the run that were not audited.
        corpora: names of what they were tested on.
    """

    table: Table
    remarks: tuple[AuditRemark, ...]
    missing: tuple[str, ...]
    corpora: tuple[str, ...]


def audit_view(findings: Findings) -> AuditView | None:
    """Return the audit of the run's methods, None where there is none."""
    if findings.audits is None:
        return None
    found = {method.label: method for method in findings.audits.methods}
    audited = [found[label] for label in findings.header.methods if label in found]
    checks = tuple(dict.fromkeys(check.check for method in audited for check in method.checks))
    rows = []
    remarks = []
    for method in audited:
        name = findings.names[method.label]
        verdicts = {check.check: check.verdict for check in method.checks}
        rows.append((name, *(_SHORT.get(verdicts.get(c, ""), verdicts.get(c, "")) for c in checks)))
        remarks += [
            AuditRemark(name, c.check, c.verdict, c.summary, c.proves)
            for c in method.checks
            if c.verdict != "pass"
        ]
    remarks.sort(key=lambda remark: remark.verdict != "fail")
    return AuditView(
        Table(("method", *(check.replace("_", " ") for check in checks)), tuple(rows)),
        tuple(remarks),
        tuple(findings.names[label] for label in findings.header.methods if label not in found),
        tuple(dict.fromkeys(method.corpus for method in audited)),
    )
