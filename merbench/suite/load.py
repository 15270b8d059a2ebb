"""Loading suites: from a file or by name, with what the flags change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from merbench.corpus.load import parse_spec
from merbench.errors import ConfigError, MerbenchError, did_you_mean
from merbench.suite.entries import CorpusEntry, MethodEntry
from merbench.suite.jsonschema import json_schema
from merbench.suite.problems import Location, problems_of
from merbench.suite.schema import Suite
from merbench.suite.shipped import ShippedSuite, shipped, text_of
from merbench.suite.source import Source, read

__all__ = ["LoadedSuite", "ShippedSuite", "json_schema", "load_suite", "shipped", "validate"]


@dataclass(frozen=True)
class LoadedSuite:
    """A suite and where it came from.

    Attributes:
        suite: validated; flags applied.
        source: says where each value was written.
        folds: names of the folds asked for; all of them where empty.
    """

    suite: Suite
    source: Source
    folds: tuple[str, ...] = ()


def load_suite(
    suite: str | Path | Mapping[str, Any],
    settings: Sequence[str] = (),
    *,
    corpus: str | None = None,
    methods: Sequence[str] = (),
    folds: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> LoadedSuite:
    """Load a suite.

    Args:
        suite: a YAML file, the name of a shipped suite, or the fields of one.
        settings: `key.path=value`, applied in order, after `corpus` and `seeds`.
        corpus: `reader:path`, a path or a reader's name; where the suite names the same reader,
            only the path changes.
        methods: labels of the methods to keep; all where empty. Contrasts follow. One written as
            `package.module:Name` that the suite lacks is added.
        folds: names of the folds to keep, handed through.
        seeds: instead of the suite's own.

    Raises:
        ConfigError: everything that is wrong, each with file, line and field.
    """
    source = _find(suite)
    if corpus is not None:
        source = _with_corpus(source, corpus)
    if seeds:
        source = source.put(("seeds",), list(seeds), "--seeds")
    for setting in settings:
        source = source.set(setting, _long_form)
    source = _with_methods(source, methods)
    return LoadedSuite(_only(validate(source), methods), source, tuple(folds))


def validate(source: Source) -> Suite:
    """Return a source as a suite.

    Raises:
        ConfigError: everything that is wrong, each with file, line and field.
    """
    try:
        return Suite.model_validate(source.values)
    except ValidationError as error:
        raise source.error(problems_of(error, Suite, source.values)) from error


def _find(suite: str | Path | Mapping[str, Any]) -> Source:
    if isinstance(suite, Mapping):
        return _given(suite)
    path = Path(suite)
    if path.is_file():
        return read(path)
    names = [each.name for each in shipped()]
    name = str(suite)
    if name in names:
        return Source.parse(text_of(name), f"{name}.yaml")
    raise ConfigError(
        f"no suite file {name!r}, and no shipped suite of that name; "
        f"{did_you_mean(path.stem, names)}"
    )


def _given(fields: Mapping[str, Any]) -> Source:
    """Return the fields of a suite as a file would have them: JSON is YAML."""
    try:
        text = json.dumps(dict(fields), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the fields of a suite: {error}; expected plain mappings, lists, texts and numbers"
        ) from error
    source = Source.parse(text, "the suite's fields")
    return replace(source, lines={})  # a program has other lines than these


def _with_corpus(source: Source, text: str) -> Source:
    try:
        spec = parse_spec(text)
    except MerbenchError as error:
        raise ConfigError(f"--corpus {text}: {error}") from error
    held = source.values.get("corpus")
    if not (isinstance(held, dict) and held.get("reader") == spec.reader):
        source = source.put(("corpus",), {"reader": spec.reader}, "--corpus")
    if spec.path is not None:
        source = source.put(("corpus", "path"), str(spec.path), "--corpus")
    return source


def _with_methods(source: Source, methods: Sequence[str]) -> Source:
    held = source.values.get("methods")
    if not isinstance(held, list):  # which the suite's schema refuses
        return source
    called = [
        (entry.get("label") or entry.get("name")) if isinstance(entry, dict) else entry
        for entry in held
    ]
    more = [name for name in methods if ":" in name and name not in called]
    return source.put(("methods",), [*held, *more], "--methods") if more else source


def _long_form(location: Location, value: Any) -> Any:
    """Give the short forms of a corpus and a method the keys that `--set` may reach."""
    if location == ("corpus",):
        return CorpusEntry.long_form(value)
    if location[0] == "methods" and len(location) == 2:
        return MethodEntry.long_form(value)
    return value


def _only(suite: Suite, labels: Sequence[str]) -> Suite:
    """Return the suite with some of its methods, and the contrasts between them."""
    if not labels:
        return suite
    known = [entry.label for entry in suite.methods]
    # What is named by an import path goes by the last part of it.
    labels = [label if label in known else label.rpartition(":")[2] for label in labels]
    for label in labels:
        if label not in known:
            raise ConfigError(
                f"--methods: suite {suite.name!r} has no method labelled {label!r}; "
                f"{did_you_mean(label, known)}"
            )
    return suite.model_copy(
        update={
            "methods": tuple(entry for entry in suite.methods if entry.label in labels),
            "contrasts": tuple(pair for pair in suite.contrasts if set(pair) <= set(labels)),
        }
    )
