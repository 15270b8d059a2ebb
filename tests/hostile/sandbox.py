"""Commands run in processes of their own, held to little memory and little time.

A server imports merbench once and forks for each command, so that one costs some hundredths of a
second. The fork may address only so much memory, is killed when its time is up, and tells how it
ended: a crash of a C library is then an outcome like any other.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

MEMORY = 768 << 20  # bytes that a command may address beyond what it begins with
SECONDS = 30
USER_ERRORS = (2, 3, 4)
_PRELOADED = "tests.hostile.preload"


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: its exit code; None where an exception left it or the process died.
        out: what it printed.
        err: what it said on stderr, or the traceback of what left it.
        grown: bytes by which its resident memory grew at most.
        seconds: that it took.
        imported: modules that it imported and the server had not.
    """

    code: int | None
    out: str
    err: str
    grown: int
    seconds: float
    imported: tuple[str, ...]

    def refused(self) -> str:
        """Return the message of a command that refused what it met, in one clear message."""
        assert self.code in USER_ERRORS, f"exit {self.code}: {self.err[-3000:]}"
        self.clear()
        return self.err

    def read_or_refused(self) -> bool:
        """Say whether a command refused what it met; it must have read or refused it."""
        assert self.code == 0 or self.code in USER_ERRORS, f"exit {self.code}: {self.err[-3000:]}"
        if self.code != 0:
            self.clear()
        return self.code != 0

    def clear(self) -> None:
        """Check that an error is one message that a terminal shows as it is."""
        assert self.err.startswith("Error: "), self.err[:2000]
        assert "Traceback" not in self.err, self.err[:2000]
        assert len(self.err) < 20_000, self.err[:2000]
        odd = {c for c in self.err if not c.isprintable() and c not in "\n"}
        assert not odd, f"characters that a terminal obeys: {odd!r}"


def command(*arguments: object, cwd: Path, memory: int = MEMORY, seconds: int = SECONDS) -> Outcome:
    """Run the command line in a folder."""
    return sandboxed(_call, [str(a) for a in arguments], cwd, memory=memory, seconds=seconds)


def sandboxed(
    function: Callable[..., int], *arguments: Any, memory: int = MEMORY, seconds: int = SECONDS
) -> Outcome:
    """Call a function that returns an exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_confined, args=(theirs, memory, seconds, function, arguments), daemon=True
    )
    started = monotonic()
    process.start()
    theirs.close()
    try:
        outcome: Outcome = ours.recv() if ours.poll(seconds + 30) else _died(process, started)
    except EOFError:
        outcome = _died(process, started)
    process.join(5)
    process.kill()
    process.join()
    process.close()
    ours.close()
    return outcome


def _died(process: Any, started: float) -> Outcome:
    process.join(1)
    code, seconds = process.exitcode, monotonic() - started
    name = signal.Signals(-code).name if code is not None and code < 0 else f"exit {code}"
    return Outcome(None, "", f"the process died: {name} after {seconds:.1f} s", 0, seconds, ())


def _confined(
    told: Connection, memory: int, seconds: int, function: Callable[..., int], arguments: Any
) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + memory,) * 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, modules, started = _status("VmHWM"), set(sys.modules), monotonic()
    out, err = _stream(), _stream()
    code: int | None = None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = function(*arguments)
        except BaseException:
            traceback.print_exc()
    told.send(
        Outcome(
            code,
            _text(out),
            _text(err),
            _status("VmHWM") - before,
            monotonic() - started,
            tuple(sorted(set(sys.modules) - modules)),
        )
    )
    told.close()
    os._exit(0)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise KeyError(name)


def _call(arguments: list[str], cwd: Path) -> int:
    from merbench.cli import call  # noqa: PLC0415

    os.chdir(cwd)
    return call(arguments)
