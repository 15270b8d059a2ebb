"""JUnit XML: cases with a verdict, as CI systems read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

# What XML 1.0 cannot hold, escaped or not.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test case.

    Attributes:
        group: what it belongs to, parts joined by dots; CI systems show a tree of them.
        name: of the case.
        outcome: what became of it.
        message: one line that says why; empty where it passed.
        text: more of it, shown where one looks closer.
        seconds: that it took.
    """

    group: str
    name: str
    outcome: Literal["passed", "failed", "error", "skipped"]
    message: str = ""
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Suite:
    """Test cases that belong together.

    Attributes:
        name: of the suite.
        cases: in order.
        properties: facts about all of them.
    """

    name: str
    cases: Sequence[Case]
    properties: Mapping[str, str] = field(default_factory=dict)


def junit_xml(*suites: Suite) -> bytes:
    """Return a document of test suites."""
    document = JUnitXml()
    for suite in suites:
        found = TestSuite(_legal(suite.name))
        for name, value in suite.properties.items():
            found.add_property(_legal(name), _legal(value))
        found.add_testcases([_element(case) for case in suite.cases])
        document.add_testsuite(found)
    return bytes(document.tostring())  # type: ignore[no-untyped-call]


def _element(case: Case) -> TestCase:
    element = TestCase(_legal(case.name), _legal(case.group), round(case.seconds, 3))
    kinds = {"failed": Failure, "error": Error, "skipped": Skipped}
    if case.outcome in kinds:
        result = kinds[case.outcome](_legal(case.message), case.outcome)
        if case.text:
            result.text = _legal(case.text)
        element.result = [result]
    elif case.text:
        element.system_out = _legal(case.text)
    return element


def _legal(text: str) -> str:
    """Return text with what XML cannot hold written as an escape."""
    return _ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
