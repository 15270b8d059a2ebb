"""Text from files and suites, which may hold anything, where a terminal or a table shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_NAMES = 40  # names that a message lists
LONGEST_NAME = 1000  # characters; an array of names is as wide as the longest
_LONGEST_PART = 80  # bytes of a name that stand in the name of a file
_LINES, _CHARACTERS, _ALL = 200, 3000, 16_000  # that a message has: lines, in a line, in all
# Besides control characters, what reorders a line or breaks it: it shows something else than it is.
_UNFIT = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF}
UNFIT = (
    "cannot be a name in a table: it has a control character, half of a character (a lone "
    f"surrogate), or more than {LONGEST_NAME} characters"
)


def first_unfit(texts: Iterable[str]) -> str | None:
    """Return the first text that cannot be a name in tables, None where all can.

    Names go into tables, pages, file formats and terminals; none of these has a use for control
    characters, marks that turn the direction of a line, or text that has no UTF-8 form.
    """
    return next((text for text in texts if not _fit(text)), None)


def _fit(text: str) -> bool:
    return len(text) <= LONGEST_NAME and (text.isprintable() or not any(map(_odd, text)))


def _odd(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in _UNFIT


def visible(text: str) -> str:
    """Return text in which a terminal finds nothing to obey; lines stay lines."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _odd(character) and character != "\n"
        else character
        for character in text
    )  # fmt: skip


def message(text: str) -> str:
    """Return an error message made fit to be shown: visible, and of a length that can be read."""
    lines = visible(text).split("\n")
    shown: list[str] = []
    for line in lines[:_LINES]:
        if sum(map(len, shown)) < _ALL:
            shown.append(shortened(line, _CHARACTERS))
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown)} lines more")
    return "\n".join(shown)


def shortened(text: str, longest: int) -> str:
    """Return text of at most so many characters, its middle left out where it has more."""
    if len(text) <= longest:
        return text
    half = longest // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"


def plain(name: str) -> str:
    """Return the start of a name, with what a file name should not hold replaced."""
    replaced = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    # Bytes are what a file system counts, and a name may be made of several of these.
    return replaced.encode()[:_LONGEST_PART].decode(errors="ignore")


def file_names(names: Iterable[str]) -> list[str]:
    """Return names that are safe in files, ids and commands, numbered where they would clash."""
    chosen: list[str] = []
    for name in names:
        safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:_LONGEST_PART].strip("-") or "x"
        stem, number = safe, 2
        while safe in chosen:
            safe, number = f"{stem}-{number}", number + 1
        chosen.append(safe)
    return chosen
