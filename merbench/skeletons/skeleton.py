"""What `merbench new` writes: a plug-in that works, and its test."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from merbench import registry
from merbench.errors import ConfigError

Kind = Literal["network", "torch", "sklearn", "black-box", "noise", "reader", "metric"]
_PACKAGE = "merbench.skeletons"


@dataclass(frozen=True)
class _Recipe:
    """What a skeleton is made from.

    Attributes:
        group: of the plug-in.
        module: it is a copy of.
        conformance: that its test is derived from.
    """

    group: registry.Group
    module: str
    conformance: str


_RECIPES: dict[Kind, _Recipe] = {
    "network": _Recipe("methods", "network", "MethodConformance"),
    "torch": _Recipe("methods", "module", "MethodConformance"),
    "sklearn": _Recipe("methods", "estimator", "MethodConformance"),
    "black-box": _Recipe("methods", "black_box", "MethodConformance"),
    "noise": _Recipe("noises", "noise", "NoiseConformance"),
    "reader": _Recipe("readers", "reader", "ReaderConformance"),
    "metric": _Recipe("metrics", "metric", "MetricConformance"),
}
_TEST = '''"""What every {what} must pass, for {name}."""

from merbench.testing import {conformance}

from {module} import {name}


class Test{title}({conformance}):
    """Add tests of your own below."""

    {what} = {name}
'''


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        module: file of the plug-in.
        test: file of its test.
        path: `module:Name`, by which a suite names it from that folder.
        entry_point: line for `pyproject.toml`, and the group before it.
    """

    module: Path
    test: Path
    path: str
    entry_point: str


def write(kind: Kind, name: str, folder: Path) -> Written:
    """Write a skeleton.

    Args:
        kind: of plug-in.
        name: of the plug-in, such as `my_method` or `MyMethod`.
        folder: where to; made where it is not there.

    Raises:
        ConfigError: a name that no module can have or that is taken, or a file that is there.
    """
    recipe = _RECIPES[kind]
    words = _words(name)
    lower, title = "_".join(words), "".join(word.capitalize() for word in words)
    found = lower.upper() if kind == "metric" else title
    module, test = folder / f"{lower}.py", folder / f"test_{lower}.py"
    for file in (module, test):
        if file.exists():
            raise ConfigError(f"{file} is there already; expected a name, or --out, that is free")
    _refuse_taken(recipe.group, lower)
    texts = {module: _renamed(_text(f"{recipe.module}.py"), recipe, lower, title)}
    if kind == "reader":
        texts[test] = _reordered(_renamed(_text("test_of_reader.py"), recipe, lower, title))
    else:
        what = recipe.group[:-1]
        texts[test] = _TEST.format(
            what=what, name=found, title=title, module=lower, conformance=recipe.conformance
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror})") from error
    path = f"{lower}:{found}"
    line = f'[project.entry-points."merbench.{recipe.group}"]\n{lower} = "{path}"'
    return Written(module, test, path, line)


def _text(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text("utf-8")


def _renamed(text: str, recipe: _Recipe, lower: str, title: str) -> str:
    text = text.replace(f"{_PACKAGE}.{recipe.module}", lower)
    text = text.replace('"""Skeleton: ', f'"""{title}: ')
    text = text.replace("SKELETON", lower.upper()).replace("Skeleton", title)
    return text.replace("skeleton", lower)


def _reordered(text: str) -> str:
    """Put the import of one's own module after those of others."""
    lines = text.splitlines()
    theirs = next(n for n, line in enumerate(lines) if line.startswith("from merbench"))
    own = lines[theirs - 1]
    return "\n".join([*lines[: theirs - 1], lines[theirs], "", own, *lines[theirs + 1 :], ""])


def _words(name: str) -> list[str]:
    """Take a name apart, at underscores or where capitals begin."""
    if not (name.isascii() and name.isidentifier() and name.strip("_") == name):
        raise ConfigError(
            f"name {name!r}: expected letters, digits and '_', beginning with a letter, such as "
            "my_method or MyMethod"
        )
    if "_" not in name:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in name.lower().split("_") if word]


def _refuse_taken(group: registry.Group, module: str) -> None:
    """Refuse a module's name that would hide another module, or a plug-in's that is taken."""
    if keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise ConfigError(f"name {module!r} belongs to Python; expected one of your own")
    if module in registry.names(group):
        raise ConfigError(
            f"there is a {group[:-1]} {module!r} already; expected a name of your own"
        )
    if importlib.util.find_spec(module) is not None:
        raise ConfigError(
            f"there is a module {module!r} already, which yours would hide; expected a name of "
            "your own"
        )
