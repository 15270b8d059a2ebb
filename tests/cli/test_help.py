"""`--help` of every command: with examples that its own options take."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from merbench.cli import cli


def commands(command=cli, path=("merbench",)):
    context = click.Context(command, info_name=path[-1])
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


ALL = list(commands())


def examples(command):
    lines = (command.help or "").splitlines()
    found = (line.strip() for line in lines)
    # What an example is for stands behind it, after some room; `>` is the shell's.
    return [re.split(r"\s{3,}| > ", line)[0] for line in found if line.startswith("merbench ")]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_a_command_has_examples_and_takes_them(path, command):
    shown = examples(command)
    assert any(line.startswith(" ".join(path)) for line in shown)
    for line in shown:
        words = shlex.split(line)[1:]
        found, context = cli, click.Context(cli)
        while isinstance(found, click.Group) and words and not words[0].startswith("-"):
            found = found.get_command(context, words.pop(0))
            assert found is not None, line
        if not isinstance(found, click.Group):
            found.make_context("example", words)


def test_there_are_commands():
    assert len(ALL) > 20
