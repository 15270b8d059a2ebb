"""Audits as JUnit XML, which CI systems show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from merbench.audit.audit import Audited


def write_junit(audits: Sequence[Audited], path: Path) -> None:
    """Write one test suite a method, one test case a check."""
    root = ET.Element("testsuites", name="merbench audit")
    for audited in audits:
        verdicts = [checked.finding.verdict for checked in audited.checks]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=audited.label,
            tests=str(len(verdicts)),
            failures=str(verdicts.count("fail")),
            skipped=str(verdicts.count("not applicable")),
            time=f"{sum(c.seconds for c in audited.checks):.3f}",
        )
        for checked in audited.checks:
            finding = checked.finding
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"merbench.audit.{audited.label}",
                name=checked.check.name,
                time=f"{checked.seconds:.3f}",
            )
            details = "\n".join(f"{k}: {v}" for k, v in finding.evidence.items())
            if finding.verdict == "fail":
                failure = ET.SubElement(case, "failure", message=finding.summary)
                failure.text = f"{checked.check.how}\n\n{details}\n\n{checked.link}"
            elif finding.verdict == "not applicable":
                ET.SubElement(case, "skipped", message=finding.summary)
            else:
                ET.SubElement(case, "system-out").text = f"{finding.summary}\n{details}"
    ET.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
