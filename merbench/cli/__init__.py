"""The command line: one file a command, thin: parse, call, print."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem

from merbench import __version__
from merbench.errors import MerbenchError
from merbench.store.writing import says_no, storage_error
from merbench.text import message

INTERRUPTED = 130
VARIABLE = "_MERBENCH_COMPLETE"  # a shell asks for completions in it
_COMMANDS = {
    "run": "Train and evaluate a suite, and print its WA/UA table.",
    "plan": "Show what a run would do and how long it would take.",
    "report": "Write the HTML page, plots and tables of a run.",
    "check": "Hold a run against a reference: the gate for CI.",
    "compare": "Show paired differences of two runs, or of methods of one.",
    "audit": "Check that a method keeps the protocol.",
    "tune": "Tune the methods of a suite on validation data, with equal budgets.",
    "list": "List methods, noises, readers, suites or metrics.",
    "new": "Write a method, noise, reader or metric to start from.",
    "runs": "List the runs under runs/, or remove them.",
    "predict": "Apply a trained method to another corpus.",
    "grid": "Take a suite's corrupted features outside, and bring predictions in.",
    "data": "Describe, check, convert and make corpora.",
    "doctor": "Check this installation, and test that it works.",
    "completion": "Print the script that makes a shell complete commands.",
}


class LazyGroup(click.Group):
    """Imports a command when it is called, so that `--help` is quick."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands in the order of a first visit."""
        return [*_COMMANDS]  # `list` is a module here, once that command is imported

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"merbench.cli.{name}")
        command: click.Command = getattr(module, f"{name}_command", None) or getattr(module, name)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands without importing them, and options."""
        offered = [
            CompletionItem(name, help=text)
            for name, text in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        # Not Group's, which imports every command to see whether it is hidden.
        return [*offered, *click.Command.shell_complete(self, context, incomplete)]

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is near."""
        from merbench.errors import ConfigError, did_you_mean  # noqa: PLC0415

        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            raise ConfigError(f"no command {args[0]!r}: {did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(context, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="merbench")
def cli() -> None:
    """Robustness benchmark for multimodal emotion recognition.

    \b
    merbench run quick                   train every method, print the tables
    merbench run SUITE --corpus table:DIR   the same on your corpus
    merbench report                      the page of the latest run
    """  # noqa: D301  # click looks for the character, not for two


def _terminate(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code that interface.md promises."""
    signal.signal(signal.SIGTERM, _terminate)
    # A suite may name a method by import path; it often lies where the command is called.
    sys.path.append(str(Path.cwd()))
    sys.exit(call(arguments))


def call(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; errors are one message on stderr."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Text of a corpus that the terminal cannot show is no reason to end with a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    if VARIABLE in os.environ:
        importlib.import_module("merbench.cli.completion")  # bash is answered as we do it
    try:
        outcome: Any = cli.main(arguments, prog_name="merbench", standalone_mode=False)
    except MerbenchError as error:
        click.echo(f"Error: {message(str(error))}", err=True)
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except OSError as error:
        if not says_no(error):
            raise
        told = storage_error(error.filename or "the output", error)
        click.echo(f"Error: {told}", err=True)
        return told.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: what was done is kept; the same command goes on.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return outcome if isinstance(outcome, int) else 0
