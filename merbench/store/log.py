"""The log of a run: what happened when, in files that do not grow without end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES, _KEPT = 2**20, 4
_logger = logging.getLogger("merbench")
# Without a handler of any kind, logging writes errors to stderr.
_logger.addHandler(logging.NullHandler())


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Drop a line that a full disk does not take: the run has its own word for that."""


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Write what merbench logs to `run.log` in a folder while the block lasts.

    Begins a new file at 1 MiB and keeps the last four. A folder that cannot be written to gets no
    log.
    """
    try:
        folder.mkdir(exist_ok=True)
        handler = _File(folder / "run.log", maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8")
    except OSError:
        yield
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = _logger.level
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        _logger.setLevel(level)
        _logger.removeHandler(handler)
        handler.close()
