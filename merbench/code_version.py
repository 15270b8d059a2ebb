"""The version of code that results depend on: what is computed, not how it is commented."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
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
    """Return the digest of the modules that define a class and its bases, the harness's aside."""
    sha = hashlib.sha256()
    for module in _modules(cls):
        sha.update(f"{module.__name__}\n".encode())
        sha.update(_meaning(_source(module)).encode())
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
