"""Which files of a folder belong to the corpus in it, so that no other is ever deleted with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from merbench.corpus.load import recognised_by
from merbench.corpus.readers import mmin, mmsa, native, npy_dir, table
from merbench.corpus.side import SIDE

_Belongs = Callable[[str], bool]


def strangers(folder: Path) -> list[str] | None:
    """Return the files of a folder that are no part of the corpus in it, sorted.

    Where several layouts are recognised, the one that accounts for most files counts. To a layout
    that we do not write, no file is known to belong.

    Returns:
        Paths relative to the folder; None where it holds no corpus.
    """
    layouts = recognised_by(folder)
    if not layouts:
        return None
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    left = []
    for layout in layouts:
        belongs = _LAYOUTS[layout](folder) if layout in _LAYOUTS else _nothing
        left.append([file for file in files if not belongs(file)])
    return min(left, key=len)


def _nothing(file: str) -> bool:
    return False


def _native(folder: Path) -> _Belongs:
    try:
        listed = json.loads((folder / native.MANIFEST).read_text("utf-8"))["files"]
        known = {native.MANIFEST, *listed}
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        known = {native.MANIFEST, native.INDEX}
    return known.__contains__


def _table(folder: Path) -> _Belongs:
    return {table.FEATURES, table.INDEX, SIDE}.__contains__


def _npy_dir(folder: Path) -> _Belongs:
    tables = [path.name for path in folder.glob("*.csv")]
    known = {SIDE, *(tables if len(tables) == 1 else [npy_dir.LABELS])}
    features = re.compile(r"[^/]+/[^/]+\.npy", re.DOTALL)
    return lambda file: file in known or features.fullmatch(file) is not None


def _mmsa(folder: Path) -> _Belongs:
    return {mmsa.PICKLE, SIDE}.__contains__


def _mmin(folder: Path) -> _Belongs:
    known = {SIDE, mmin.STATISTICS, *(file for files in mmin.FILES.values() for file in files)}
    parts = "|".join(mmin.PARTS.values())
    target = re.compile(rf"{mmin.TARGET}/\d+/({parts})_(label|int2name)\.npy")
    return lambda file: file in known or target.fullmatch(file) is not None


_LAYOUTS: dict[str, Callable[[Path], _Belongs]] = {
    "native": _native,
    "table": _table,
    "npy_dir": _npy_dir,
    "mmsa": _mmsa,
    "mmin": _mmin,
}
