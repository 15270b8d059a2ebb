"""A process that has merbench imported and forks runs, which may be told to kill themselves.

Started by `Nursery`; a run costs a second that way, where a new interpreter would cost five. Each
run is a process of its own and dies by a real SIGKILL, before it writes for the n-th time.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}

_WITHIN = {"os.remove", "os.rmdir"}  # whose second argument is the folder that a name is in


@dataclass(frozen=True)
class Forked:
    """How a run ended.

    Attributes:
        code: exit code, or the signal's number below 0.
        seconds: it took.
        writes: kind and name of every write it came to, in order.
        err: what it printed on stderr.
    """

    code: int
    seconds: float
    writes: list[str]
    err: str


class Nursery:
    """Forks runs."""

    def __init__(self, process: "Popen[str]", folder: Path) -> None:
        self._process, self._folder, self._number = process, folder, 0

    def __call__(
        self,
        *arguments: object,
        watch: Path | None = None,
        at_write: int | None = None,
        after: float | None = None,
        by: signal.Signals = signal.SIGKILL,
    ) -> Forked:
        """Run a command to its end.

        Args:
            arguments: of the command line.
            watch: directory whose writes count.
            at_write: the write that it does not live to do, from 0.
            after: seconds until it is sent a signal.
            by: which signal.
        """
        self._number += 1
        note = self._folder / f"writes-{self._number}"
        for path in (note, note.with_suffix(".err")):  # a run may be killed before its first line
            path.touch()
        order = {
            "arguments": [str(a) for a in arguments],
            "watch": None if watch is None else str(watch),
            "at_write": at_write,
            "after": after,
            "by": int(by),
            "note": str(note),
        }
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        writes = note.read_text("utf-8").splitlines()
        err = note.with_suffix(".err").read_text("utf-8")
        return Forked(answer["code"], answer["seconds"], writes, err)


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """Give a nursery whose runs start in a folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as notes:
        process = Popen(
            [sys.executable, __file__],
            stdin=PIPE,
            stdout=PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )
        try:
            yield Nursery(process, Path(notes))
        finally:
            process.kill()
            process.communicate()


def _serve() -> None:
    """Fork a run for each line of stdin, and answer with a line when it has ended."""
    # Here and not above: nothing else of this file needs torch.
    for name in ("merbench", "merbench_baselines"):
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    from merbench.cli import main  # noqa: PLC0415

    for line in sys.stdin:
        order = json.loads(line)
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            _become(order)
            main(order["arguments"])
        status = _wait(child, began, order)
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "seconds": time.perf_counter() - began,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _wait(child: int, began: float, order: dict[str, Any]) -> int:
    sent = order["after"] is None
    while True:
        ended, status = os.waitpid(child, 0 if sent else os.WNOHANG)
        if ended:
            return status
        if time.perf_counter() - began >= order["after"]:
            os.kill(child, order["by"])
            sent = True
        time.sleep(0.001)


def _become(order: dict[str, Any]) -> None:
    """Turn a fork into the run: its output goes to files, its writes are counted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDWR)
    err = os.open(Path(order["note"]).with_suffix(".err"), os.O_WRONLY | os.O_CREAT)
    for source, target in ((null, 0), (null, 1), (err, 2)):
        os.dup2(source, target)
    if order["watch"] is None:
        return
    note = os.open(order["note"], os.O_WRONLY | os.O_APPEND)
    watched, seen = order["watch"], 0

    def count(kind: str, path: object) -> None:
        nonlocal seen
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        if not str(text).startswith(watched):
            return
        if seen == order["at_write"]:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1
        os.write(note, f"{kind} {os.path.relpath(text, watched)}\n".encode())

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            count("open", arguments[0])
        elif event in _CHANGES:
            path, folder = arguments[0], arguments[1] if event in _WITHIN else -1
            if folder != -1:  # a tree is removed from within its open folders
                path = Path(f"/proc/self/fd/{folder}").readlink() / path
            count(event.removeprefix("os."), path)

    flush = os.fsync

    def flush_counted(handle: int) -> None:
        count("fsync", Path(f"/proc/self/fd/{handle}").readlink())
        flush(handle)

    sys.addaudithook(hear)
    os.fsync = flush_counted  # which no audit event tells of


if __name__ == "__main__":
    _serve()
