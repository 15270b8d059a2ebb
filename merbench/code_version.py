"""The version of code that results depend on: what is computed, not how it is commented."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import merbench

# What lies between a corpus and its predictions. Readers are not in it: they change results
# through the corpus fingerprint alone.
_FOLDERS = ("corruption", "features", "evaluation", "training", "methods/parts")
_FILES = (
    "seeds.py",
    "corpus/corpus.py",
    "corpus/folds.py",
    "corpus/normalise.py",
    "execution/prepare.py",
    "execution/protocol.py",
    "execution/tasks.py",
    "execution/together.py",
    "methods/base.py",
    "methods/sklearn.py",
)
_OURS = {"merbench", "merbench_baselines", "torch"}
_INSTALLED = {"site-packages", "dist-packages"}


@cache
def harness_digest() -> str:
    """Return the digest of the harness's code."""
    root = Path(merbench.__file__).parent
    files = [path for part in _FOLDERS for path in sorted((root / part).rglob("*.py"))]
    files += [root / name for name in _FILES]
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(root).as_posix()}\n".encode())
        sha.update(_meaning(path.read_text("utf-8")).encode())
    return sha.hexdigest()


@cache
def class_digest(cls: type) -> str:
    """Return the digest of the modules that define a class and its bases, the harness's aside.

    Of a class from elsewhere, also of what these modules import from the same package or from files
    that are not installed, and what those import.
    """
    sha = hashlib.sha256()
    sources = {module.__name__: _source(module) for module in _modules(cls)}
    for name, source in (sources | _helpers(sources)).items():
        sha.update(f"{name}\n".encode())
        sha.update(_meaning(source).encode())
    return sha.hexdigest()


def _modules(cls: type) -> Iterator[ModuleType]:
    names = dict.fromkeys(base.__module__ for base in cls.__mro__)
    for name in names:
        if name.split(".")[0] not in sys.stdlib_module_names and name != "merbench.methods.base":
            module = sys.modules[name]
            if getattr(module, "__file__", None) and name.split(".")[0] != "torch":
                yield module


def _source(module: ModuleType) -> str:
    try:
        return inspect.getsource(module)
    except OSError:
        return module.__name__


def _helpers(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the sources of what modules from elsewhere import and is theirs, by name."""
    own = {name.split(".")[0] for name in sources} - _OURS
    found: dict[str, str] = {}
    pending = [(name, source) for name, source in sources.items() if name.split(".")[0] in own]
    while pending:
        for name in _imported(*pending.pop()):
            root = name.split(".")[0]
            if name in sources or name in found or not (root in own or _is_loose(root)):
                continue
            path = _path(name)
            if path is not None:
                found[name] = path.read_text("utf-8")
                pending.append((name, found[name]))
    return dict(sorted(found.items()))


@cache
def _is_loose(root: str) -> bool:
    """Say whether a package is neither the harness's, nor Python's, nor an installed one."""
    if root in _OURS or root in sys.stdlib_module_names:
        return False
    spec = _spec(root)
    if spec is None:
        return False
    places = spec.submodule_search_locations or [spec.origin or ""]
    return not any(_INSTALLED & {*Path(place).parts} for place in places)


def _path(name: str) -> Path | None:
    """Return the Python file of a module, None where there is none of that name."""
    spec = _spec(name)
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None  # a name in a module, not a module; or one that is not there


def _imported(name: str, source: str) -> Iterator[str]:
    """Give the absolute names that a module may import; some are no modules."""
    spec = _spec(name)
    package = (spec.parent if spec is not None else None) or ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            bases, members = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else ()), *filter(None, [node.module])])
            bases, members = [base], [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for each in bases:
            parts = each.split(".")
            yield from (".".join(parts[: n + 1]) for n in range(len(parts)))  # packages run, too
        yield from members


def _meaning(source: str) -> str:
    """Return code without comments, layout and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
