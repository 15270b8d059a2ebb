"""Where commands write: a terminal or a pipe, and files that a user names."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from merbench.errors import ConfigError

_UNLIMITED = 10_000


def terminal() -> Console:
    """Return the console; a pipe has no width, so that tables keep their columns there."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNLIMITED)


def write_file(path: Path, content: bytes, mode: str = "wb") -> None:
    """Write a file, and the folders above it.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
