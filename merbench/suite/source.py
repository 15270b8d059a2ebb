"""Where each value of a suite was written: a line of a YAML file, or a flag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from merbench.errors import ConfigError
from merbench.suite.problems import Location, Problem

# Far beyond any suite; an alias that holds itself, or doubles itself often, ends here.
_MOST_VALUES = 100_000
LARGEST = 1 << 17  # bytes; the loader reads some 20 000 a second
_DEEPEST = 30

Unfold = Callable[[Location, Any], Any]


@dataclass(frozen=True)
class Source:
    """A suite as it was written.

    Attributes:
        name: the file, as the user called it.
        values: plain mappings, lists and scalars, flags applied.
        lines: place -> line (from 1) in the file.
        flags: place -> the flag that set it, such as `--set grid.noise.0.levels`.
    """

    name: str
    values: dict[str, Any]
    lines: Mapping[Location, int] = field(default_factory=dict)
    flags: Mapping[Location, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, name: str) -> Source:
        """Read YAML 1.2.

        Args:
            text: the file's text.
            name: the file's name, for messages.

        Raises:
            ConfigError: not YAML, a duplicate key, a tag, or no mapping at the top.
        """
        loaded = _load(text, name)
        lines: dict[Location, int] = {(): 1}
        values = _Plain(name, lines).convert(loaded, (), 1)
        if not isinstance(values, dict):
            raise ConfigError(f"{name}:1: expected a mapping with keys such as name, methods, grid")
        return cls(name, values, lines)

    def where(self, location: Location) -> str:
        """Say where a value was written, or else the nearest thing around it."""
        for length in range(len(location), -1, -1):
            outer = tuple(location[:length])
            if outer in self.flags:
                return self.flags[outer]
            if outer in self.lines:
                return f"{self.name}:{self.lines[outer]}"
        return self.name

    def put(
        self, location: Location, value: object, flag: str, unfold: Unfold | None = None
    ) -> Source:
        """Return the source with one value replaced or added.

        Args:
            location: its place; mappings on the way are made where there are none, and a key
                that the suite does not know is left to its schema to refuse.
            value: plain mappings, lists and scalars.
            flag: who says so.
            unfold: turns a short form met on the way (`nmer`) into a mapping (`{name: nmer}`).

        Raises:
            ConfigError: the way leads through a scalar, or past the end of a list.
        """
        values = deepcopy(self.values)
        container: Any = values
        made: Location | None = None
        for depth, key in enumerate(location):
            here = location[:depth]
            held = _holds(container, key, here, flag)
            if depth == len(location) - 1:
                container[key] = value
                break
            inner = container[key] if held else None
            if unfold is not None:
                inner = unfold(location[: depth + 1], inner)
            if inner is None:
                inner, made = {}, made or location[: depth + 1]
            container[key] = inner
            container = inner
        changed = made or location
        lines = {k: line for k, line in self.lines.items() if k[: len(changed)] != changed}
        flags = {k: said for k, said in self.flags.items() if k[: len(changed)] != changed}
        return replace(self, values=values, lines=lines, flags=flags | {changed: flag})

    def set(self, setting: str, unfold: Unfold | None = None) -> Source:
        """Return the source with a `key.path=value` applied; the value is YAML.

        Raises:
            ConfigError: not of that form, or see `put`.
        """
        path, equals, text = setting.partition("=")
        path = path.strip()
        if not equals or not all(path.split(".")):
            raise ConfigError(f"--set {setting!r}: expected key.path=value, such as seeds=[0,1]")
        flag = f"--set {path}"
        value = _Plain(flag, {}).convert(_load(text, flag), (), 1)
        location = tuple(_place(key) for key in path.split("."))
        return self.put(location, value, flag, unfold)

    def error(self, problems: list[Problem]) -> ConfigError:
        """Return the problems as one error, in the order of the file, each with its place."""
        in_order = sorted(problems, key=lambda problem: self._line(problem.location))
        return ConfigError("\n".join(self._message(problem) for problem in in_order))

    def _line(self, location: Location) -> int:
        known = (location[:n] for n in range(len(location), -1, -1))
        return next((self.lines[outer] for outer in known if outer in self.lines), 0)

    def _message(self, problem: Problem) -> str:
        dotted = ".".join(str(key) for key in problem.location)
        return f"{self.where(problem.location)}: {dotted or 'suite'}: {problem.text}"


def read(path: Path) -> Source:
    """Read a suite file.

    Raises:
        ConfigError: unreadable, or see `Source.parse`.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"{path}: more than {LARGEST >> 10} KB; not a suite")
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return Source.parse(text, str(path))


def _place(key: str) -> str | int:
    """Return a part of a path: a position in a list where it is one."""
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 10 else key


def _holds(container: object, key: str | int, here: Location, flag: str) -> bool:
    """Say whether a container holds a key; refuse a container that cannot."""
    dotted = ".".join(str(part) for part in here)
    if isinstance(container, list):
        if not isinstance(key, int) or key >= len(container):
            raise ConfigError(
                f"{flag}: {dotted} is a list and has no {key!r}; "
                f"expected a position from 0 to {len(container) - 1}"
            )
        return True
    if not isinstance(container, dict):
        raise ConfigError(f"{flag}: {dotted} is {container!r}, which holds no {key!r}")
    return key in container


def _load(text: str, name: str) -> object:
    """Parse YAML, keeping line marks; tags stay unexecuted."""
    try:
        return YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1]
        raise ConfigError(f"{_at(error, name)}: duplicate key {key!r}; expected once") from error
    except MarkedYAMLError as error:
        reason = ", ".join(str(part) for part in (error.context, error.problem) if part)
        raise ConfigError(f"{_at(error, name)}: not YAML: {reason}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{name}: not YAML: {reason}") from error


def _at(error: MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    return name if mark is None else f"{name}:{mark.line + 1}"


class _Plain:
    """Turns what the YAML loader gives into plain values, and notes their lines."""

    def __init__(self, name: str, lines: dict[Location, int]) -> None:
        self._name = name
        self._lines = lines
        self._values = count()

    def convert(self, value: object, location: Location, line: int) -> Any:
        self._lines[location] = line
        if next(self._values) > _MOST_VALUES or len(location) > _DEEPEST:
            raise ConfigError(f"{self._name}:{line}: nested too deeply, or an alias repeats itself")
        if isinstance(value, CommentedBase) and value.tag.value is not None:
            raise self._tagged(line)
        if isinstance(value, dict):
            return {
                self._key(key, at): self.convert(value[key], (*location, key), at)
                for key, at in _lines_of(value, list(value), line)
            }
        if isinstance(value, list):
            return [
                self.convert(value[key], (*location, key), at)
                for key, at in _lines_of(value, list(range(len(value))), line)
            ]
        return self._scalar(value, line)

    def _key(self, key: object, line: int) -> str:
        if not isinstance(key, str):
            raise ConfigError(f"{self._name}:{line}: key {key!r} is not text; expected a field")
        return self._text(key, line)

    def _scalar(self, value: object, line: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, ScalarBoolean):
            return bool(value)
        if isinstance(value, str):
            return self._text(value, line)
        for kind in (int, float):
            if isinstance(value, kind):
                return kind(value)
        if isinstance(value, date):
            return value.isoformat()
        raise self._tagged(line)

    def _text(self, text: str, line: int) -> str:
        # No file takes it, and no message: the half of a character that an escape may leave.
        if any("\ud800" <= character < "\ue000" for character in text):
            raise ConfigError(
                f"{self._name}:{line}: found half of a character (a lone surrogate) in {text!r}"
            )
        return str(text)

    def _tagged(self, line: int) -> ConfigError:
        return ConfigError(
            f"{self._name}:{line}: tags (!name) are not allowed; expected plain values"
        )


def _lines_of(value: Any, keys: list[Any], outer: int) -> Iterator[tuple[Any, int]]:
    """Yield each key with its line; what came in through a merge has the line of the whole."""
    marks = getattr(value, "lc", None)
    known = (marks.data or {}) if marks is not None else {}
    for key in keys:
        yield key, known[key][0] + 1 if key in known else outer
