"""Every block of the guide and the README is one that a reader can use."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib

import click
import pytest
from ruamel.yaml import YAML

from merbench.cli import cli
from merbench.suite.schema import Suite
from tests.docs.apart import NOT_RUN, why_not
from tests.docs.blocks import BLOCKS, PAGES, ROOT, Block, blocks_of, page
from tests.docs.walk import SHELLS

LANGUAGES = {"sh", "bash", "python", "text", "yaml", "toml", "diff", ""}
SUITE_PAGES = ("suites.md", "grid.md")


def commands(block: Block) -> list[list[str]]:
    """Return the words of every merbench command of a shell block."""
    lines = block.text.replace("\\\n", " ").splitlines()
    script = "\n".join(line.partition(" #")[0] for line in lines)
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";|&<>()\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= {*";|&()\n"}:
            found.append([])
        else:
            found[-1].append(word)
    return [named for words in found if (named := _of_merbench(words))]


def _of_merbench(words: list[str]) -> list[str]:
    """Return what follows `merbench`, up to a redirection; nothing of another command."""
    while words and re.match(r"\w+=|do$", words[0]):
        words = words[1:]
    if not words or words[0] not in ("merbench", ".venv/bin/merbench"):
        return []
    ends = [k for k, word in enumerate(words) if word in ("<", ">", ">>")]
    return words[1 : ends[0] if ends else None]


def of(*languages: str) -> list[object]:
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_without_an_example(name):
    assert blocks_of(name)


def test_every_block_is_of_a_kind_that_is_checked():
    assert {block.language for block in BLOCKS} <= LANGUAGES


def test_every_exception_is_of_a_block_that_is_there():
    for apart in NOT_RUN:
        found = [b for b in BLOCKS if b.page == apart.page and apart.words in b.text]
        assert found, apart


@pytest.mark.parametrize("block", of(*SHELLS))
def test_a_shell_block_parses_and_its_commands_have_the_options_that_it_names(block):
    read = subprocess.run(
        ["bash", "-n"], input=block.text, text=True, capture_output=True, check=False
    )
    assert read.returncode == 0, read.stderr
    for words in commands(block):
        # What the shell fills in is not known here.
        if "--help" not in words and "$" not in "".join(words):
            parse(words)


def parse(words: list[str]) -> None:
    """Let the command line read a command without doing it."""
    context, command = click.Context(cli, info_name="merbench"), cli
    while isinstance(command, click.Group):
        assert words, f"{command.name}: no command"
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    try:
        command.make_context(command.name, list(words), parent=context.parent)
    except click.BadParameter as error:
        # A path that is to be made first is no fault of the page.
        assert "does not exist" in error.message, (words, error.message)


@pytest.mark.parametrize("block", of("python"))
def test_a_python_block_compiles(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", of("yaml"))
def test_a_yaml_block_parses(block):
    text = re.sub(r"\$\{\{.*?\}\}", "filled-in", block.text)
    read = YAML(typ="safe").load_all(text)
    fields = {name for document in read for name in document}
    assert fields
    if block.page == "suites.md":
        assert fields <= {*Suite.model_fields}
    if block.page == "grid.md":
        assert fields <= {*Suite.model_fields["grid"].annotation.model_fields}


@pytest.mark.parametrize("block", of("toml"))
def test_a_toml_block_parses(block):
    assert tomllib.loads(block.text)


def test_what_ci_reads_in_the_readme_is_there():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    for marker in re.findall(r"readme_command (\w+)\)", script):
        assert f"<!-- {marker} -->\n```sh\n" in page("README.md")


def test_the_readme_is_one_screen_and_a_half():
    assert page("README.md").count("\n") <= 90


def test_what_is_not_run_is_a_minority():
    apart = [block for block in BLOCKS if why_not(block)]
    assert len(apart) < len(BLOCKS) / 2
