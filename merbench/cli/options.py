"""Options that commands share; those of a run can be set by a MERBENCH_ variable as well."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from merbench.cli import completing
from merbench.errors import ConfigError
from merbench.suite.source import Source

Command = Callable[..., Any]


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Return an option that a variable of its name sets, too: `--jobs` and MERBENCH_JOBS."""
    variable = "MERBENCH_" + names[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def suite_options(command: Command) -> Command:
    """Add what selects and changes a suite: the command's `choice`."""

    @functools.wraps(command)
    def chosen(
        *,
        suite: str,
        corpus: str | None,
        methods: str | None,
        folds: str | None,
        seeds: str | None,
        settings: tuple[str, ...],
        **others: Any,
    ) -> Any:
        choice = SuiteChoice.parse(suite, corpus, methods, folds, seeds, settings)
        return command(choice=choice, **others)

    with_options: Command = chosen
    for add in reversed(
        (
            click.argument("suite", shell_complete=completing.suites),
            option(
                "--corpus",
                help="READER:PATH, PATH, or synthetic.",
                shell_complete=completing.corpora,
            ),
            option(
                "--out", type=click.Path(path_type=Path), help="Run directory [runs/<suite name>]."
            ),
            option("--device", default="auto", show_default=True, help="auto, cpu, cuda[:i]."),
            option("--jobs", type=click.IntRange(1), help="Tasks at once [number of cores]."),
            option(
                "--methods",
                metavar="A,B",
                help="Only these; package.module:Name adds one.",
                shell_complete=completing.methods,
            ),
            option("--folds", metavar="1,2", help="Only these folds."),
            option("--seeds", metavar="0,1", help="These training seeds."),
            option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY.PATH=VALUE",
                help="Change any field of the suite (repeatable; value in YAML).",
                shell_complete=completing.settings,
            ),
        )
    ):
        with_options = add(with_options)
    return with_options


def reader_settings(command: Command) -> Command:
    """Add the settings of a corpus's reader, which `read_settings` understands."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="A setting of the reader (repeatable; value in YAML): --set 'classes=[sad, happy]'.",
    )(command)


def read_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """Read `name=value` with values in YAML."""
    source = Source.parse("{}", "--set")
    for setting in settings:
        source = source.set(setting)
    return dict(source.values)


@dataclass(frozen=True)
class SuiteChoice:
    """What the shared options say.

    Attributes:
        suite: path or name.
        corpus: or None for the suite's own.
        methods: labels; all where empty.
        folds: names; all where empty.
        seeds: the suite's own where empty.
        settings: `key.path=value`.
    """

    suite: str
    corpus: str | None
    methods: tuple[str, ...]
    folds: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: tuple[str, ...]

    @classmethod
    def parse(
        cls,
        suite: str,
        corpus: str | None,
        methods: str | None,
        folds: str | None,
        seeds: str | None,
        settings: tuple[str, ...],
    ) -> SuiteChoice:
        """Split lists and check seeds.

        Raises:
            ConfigError: a seed is not a whole number.
        """
        numbers = []
        for text in _names(seeds):
            if not text.isdecimal():
                raise ConfigError(f"--seeds: found {text!r}; expected whole numbers such as 0,1,2")
            numbers.append(int(text))
        return cls(suite, corpus, _names(methods), _names(folds), tuple(numbers), settings)

    @property
    def changes(self) -> dict[str, Any]:
        """What is changed of the suite, as `load_suite`, a `Job` and a tuning take it."""
        return {
            "settings": self.settings,
            "corpus": self.corpus,
            "methods": self.methods,
            "folds": self.folds,
            "seeds": self.seeds,
        }


def confirm_discard(question: str) -> None:
    """Ask before something is lost.

    Raises:
        ConfigError: the answer is no, or there is no one to answer.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        raise ConfigError("nothing was discarded: no answer; --yes does not ask") from error
    if not agreed:
        raise ConfigError("nothing was discarded")
