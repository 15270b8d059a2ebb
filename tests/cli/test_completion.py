"""Shells complete commands, options and names; bash does so in a bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
# What readline would set, for words that bash broke at `=` and `:`.
ASK = """
source <(merbench completion bash)
compopt() { :; }
COMP_LINE=$1 COMP_POINT=${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_merbench_completion merbench
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(folder, line, *words):
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", line, *words],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    return ended.stdout.split()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "run.json").touch()
    (tmp_path / "corpus").mkdir()
    return tmp_path


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("line", "broken", "offered"),
    [
        ("merbench rep", ["rep"], ["report"]),
        ("merbench run qu", ["run", "qu"], ["quick"]),
        ("merbench run quick --sch", ["run", "quick", "--sch"], ["--scheduler"]),
        (
            "merbench run quick --methods nmer,zer",
            ["run", "quick", "--methods", "nmer,zer"],
            ["nmer,zero_fill"],
        ),
        (
            "merbench run quick --set grid.noise.0.type=ga",
            ["run", "quick", "--set", "grid.noise.0.type", "=", "ga"],
            ["gaussian"],
        ),
        (
            "merbench run quick --set grid.noise.0.type=",
            ["run", "quick", "--set", "grid.noise.0.type", "="],
            [
                "babble",
                "burst",
                "frame_drop",
                "freeze",
                "gaussian",
                "impulse",
                "shift",
                "token_swap",
            ],
        ),
        (
            "merbench run quick --corpus table:cor",
            ["run", "quick", "--corpus", "table", ":", "cor"],
            ["corpus/"],
        ),
        ("merbench audit if_", ["audit", "if_"], ["if_mmin"]),
        ("merbench list nois", ["list", "nois"], ["noises"]),
        ("merbench report ", ["report", ""], ["runs/mine"]),
        ("merbench check runs/m", ["check", "runs/m"], ["runs/mine"]),
        ("merbench completion z", ["completion", "z"], ["zsh"]),
    ],
)
def test_bash_offers(folder, line, broken, offered):
    assert bash(folder, line, "merbench", *broken) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("merbench run qu", ["quick"]),
        ("merbench run quick --sched", ["--scheduler"]),
        ("merbench run quick --methods nmer,zer", ["nmer,zero_fill"]),
        ("merbench run quick --set grid.noise.0.type=ga", ["grid.noise.0.type=gaussian"]),
    ],
)
def test_fish_offers(folder, line, offered):
    said = fish(folder, line)
    assert [entry.partition("\t")[0] for entry in said] == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
def test_fish_explains_commands_in_full(folder):
    (entry,) = fish(folder, "merbench compar")
    assert entry == "compare\tShow paired differences of two runs, or of methods of one."


def fish(folder, line):
    ended = subprocess.run(
        ["fish", "--no-config", "-c", "merbench completion fish | source; complete -C $argv", line],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_are_answered_in_their_way(folder, shell):
    ended = subprocess.run(
        [BIN / "merbench"],
        cwd=folder,
        env={
            **os.environ,
            "COMP_WORDS": "merbench run quick --methods nme",
            "COMP_CWORD": "nme" if shell == "fish" else "4",
            "_MERBENCH_COMPLETE": f"{shell}_complete",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nmer" in ended.stdout
    assert "zero_fill" not in ended.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_one_that_its_shell_reads(merbench, shell, tmp_path):
    said = merbench("completion", shell)
    assert said.code == 0
    assert f"_MERBENCH_COMPLETE={shell}_complete" in said.out
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    (tmp_path / "script").write_text(said.out)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_completing_a_run_imports_nothing_large():
    program = (
        "import sys, os\n"
        "os.environ.update(COMP_LINE='merbench run q', _MERBENCH_COMPLETE='bash_complete')\n"
        "from merbench.cli import call\n"
        "try: call([])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'numpy', 'pandas', 'scipy'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
