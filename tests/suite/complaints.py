"""Suites to get wrong, and what the refusal must say."""

from __future__ import annotations

import pytest

from merbench.errors import ConfigError
from merbench.suite.load import validate
from merbench.suite.schema import Suite
from merbench.suite.source import Source

HEAD = "name: s\ncorpus: {reader: synthetic, utterances: 60}\n"  # lines 1 and 2
GOOD = HEAD + "methods: [zero_fill, nmer]\n"  # line 3; what a case adds begins on line 4
# what is written, line, field, words that must appear
Case = tuple[str, int, str, list[str]]


def load(text: str) -> Suite:
    return validate(Source.parse(text, "suites/x.yaml"))


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


def check_refused(case: Case) -> None:
    text, line, field, words = case
    message = complaint(text)
    assert message.startswith(f"suites/x.yaml:{line}: {field}: ")
    assert [word for word in words if word not in message] == []
    assert len(message.splitlines()) == 1
