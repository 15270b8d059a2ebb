"""`merbench completion`: the script that makes a shell complete commands."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from merbench.cli import VARIABLE

PROGRAM = "merbench"

# Bash breaks words at `=` and `:`, which stand within ours, and takes what is offered for the part
# behind them: words are read from the line instead, and the part before is cut off again.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" type value
    local word="${line##*[[:space:]]}" last="${COMP_WORDS[COMP_CWORD]}"
    [[ $last == [=:] ]] && last=
    local before="${word%%"$last"}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                [[ $value == *[=:/] ]] && compopt -o nospace
                COMPREPLY+=("${value#"$before"}") ;;
        esac
    done < <(env COMP_LINE="$line" %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

# An answer is its type, a comma, and what is offered, in which there may be commas as well: between
# names, and in words that explain. Click's own script ends at the second comma.
_FISH = """\
function %(complete_func)s
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    for answer in (%(complete_var)s=fish_complete %(prog_name)s)
        set -l parts (string split -m 1 , -- $answer)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


@add_completion_class
class Bash(BashComplete):
    """Bash, with words as they stand on the line."""

    source_template = _BASH

    def source(self) -> str:
        """Return the script, whatever shell is asking: it may be written on another machine."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that is being typed."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        if not words or line[-1:].isspace():
            return words, ""
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line that the script reads."""
        return f"{item.type},{item.value}"


@add_completion_class
class Fish(FishComplete):
    """Fish, with commas as they stand in what is offered."""

    source_template = _FISH


SHELLS: dict[str, type[ShellComplete]] = {
    "bash": Bash,
    "zsh": ZshComplete,
    "fish": Fish,
}


@click.command()
@click.argument("shell", type=click.Choice([*SHELLS]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, methods, suites and noises.

    \b
    merbench completion bash > ~/.local/share/bash-completion/completions/merbench
    merbench completion zsh > ~/.zfunc/_merbench     with fpath+=~/.zfunc before compinit
    merbench completion fish > ~/.config/fish/completions/merbench.fish
    """  # noqa: D301  # click looks for the character, not for two
    found = SHELLS[shell](context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(found.source())
