"""Where commands write: a terminal or a pipe, and files that a user names."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from merbench.errors import ConfigError

_UNLIMITED = 10_000


def terminal() -> Console:
    """Return the console; a pipe has no width, so that tables keep their columns there."""
    # A method may be called `:x:`, and is not drawn as anything else.
    console = Console(emoji=False)
    return console if console.is_terminal else Console(width=_UNLIMITED, emoji=False)


def write_file(path: Path, content: bytes | str, mode: str = "wb") -> None:
    """Write a file, and the folders above it.

    Args:
        path: of the file.
        content: of it; text becomes UTF-8, with escapes for what no file takes, as names of files
            may hold it.
        mode: as `open` has it, for bytes.

    Raises:
        ConfigError: it cannot be written.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
