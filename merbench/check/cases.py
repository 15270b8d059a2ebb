"""The rules of a gate as JUnit test cases."""

from __future__ import annotations

from merbench.check.stopped import Stopped
from merbench.check.verdicts import Checked, Rule, sentence
from merbench.report.junit import Case, Suite, junit_xml


def gate_junit(checked: Checked, strict: bool = False) -> bytes:
    """Return a JUnit document, one test case for each rule, the worst first.

    Args:
        checked: the outcome.
        strict: whether suspects fail.
    """
    properties = {
        "verdict": checked.headline(strict),
        "run": checked.run,
        "reference": checked.reference,
        "alpha": f"{checked.alpha:g}",
        "blocks": str(checked.blocks),
    }
    properties |= {f"note {number}": note for number, note in enumerate(checked.notes, 1)}
    failing = {*checked.failing(strict)}
    cases = [_case(checked, rule, rule in failing) for rule in checked.rules]
    if not cases:
        cases = [Case(f"merbench.{checked.suite}", "rules", "error", checked.headline(strict))]
    return junit_xml(Suite(f"merbench check {checked.suite}", cases, properties))


def stopped_junit(stopped: Stopped) -> bytes:
    """Return a JUnit document with one case, which says why there is no verdict."""
    properties = {"run": stopped.run, "reference": stopped.reference}
    case = Case("merbench.check", "comparison", "error", stopped.headline)
    return junit_xml(Suite("merbench check", [case], properties))


def _case(checked: Checked, rule: Rule, failing: bool) -> Case:
    group = f"merbench.{checked.suite}.{rule.name.replace('.', '_')}"
    name, text = f"{rule.metric_label}, {rule.group}", f"{rule.verdict}: {sentence(rule)}"
    if rule.verdict == "not comparable":
        return Case(group, name, "error", text)
    return Case(group, name, "failed", text) if failing else Case(group, name, "passed", text=text)
