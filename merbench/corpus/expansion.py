"""How much a packed file may unpack to, so that a small one cannot fill the memory."""

from __future__ import annotations

from pathlib import Path

from merbench.corpus.problems import ProblemError

FREE = 256 << 20  # bytes that any file may come to
MOST = 100  # times its size on disk: features seldom pack ten to one, padding included


class Expansion:
    """Adds up what the parts of one file unpack to, before any of them is unpacked."""

    def __init__(self, path: Path) -> None:
        self._size = path.stat().st_size
        self._left = max(FREE, MOST * self._size)

    def add(self, size: int) -> None:
        """Count a part of so many bytes.

        Raises:
            CorpusError: the file comes to more than it may; which file is for the caller to say.
        """
        self._left -= size
        if self._left < 0:
            raise ProblemError(
                "expansion",
                f"its {self._size} bytes unpack to more than "
                f"{max(FREE, MOST * self._size)}; if that is meant, save it without compression",
            )
