"""Pickles of arrays and plain containers, read without executing anything in them.

A pickle is a program. Three things keep this one from running:

1. The stream is gone through first, and an instruction that plain data does not need ends it:
   instantiation, extension codes, persistent ids, out-of-band buffers. So does a length or a memo
   index that the file is too short for.
2. The few callables that numpy's pickles name are looked up in a table of stand-ins of our own;
   nothing is imported, and no attribute is followed. The stand-ins cannot be changed by the stream.
3. Arrays are put together by `numpy.frombuffer` from bytes whose number is checked, never by
   numpy's own unpickling code.
"""

from __future__ import annotations

import math
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError

_REFUSED = frozenset(
    (
        *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"),
        *("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "NEXT_BUFFER", "READONLY_BUFFER"),
    )
)
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_NUMPY_CODE = re.compile(r"([biufSU])(\d{1,6})")


class _RefusedError(Exception):
    """Something in the stream that plain data does not have."""


class _Dtype:
    """A dtype as numpy pickles it: a code, and a byte order that comes afterwards."""

    __slots__ = ("code", "order")

    def __init__(self, code: object) -> None:
        self.code, self.order = code, "|"

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise _RefusedError("a dtype with an unknown state")
        if any(part is not None for part in state[2:5]):
            raise _RefusedError("an array of records")
        self.order = state[1]

    @property
    def objects(self) -> bool:
        return self.code in ("O8", "O", "O4")

    def numpy(self) -> np.dtype[Any]:
        match = _NUMPY_CODE.fullmatch(self.code) if isinstance(self.code, str) else None
        if match is None or int(match[2]) == 0:
            raise _RefusedError(f"an array of type {self.code!r}")
        try:
            return np.dtype(self.order + match[0])
        except TypeError as error:
            raise _RefusedError(f"an array of type {self.code!r}") from error


class _Array:
    """An array as numpy pickles it: empty first, its content comes afterwards."""

    __slots__ = ("content",)

    def __init__(self) -> None:
        self.content: NDArray[Any] | list[Any] = np.empty(0, np.float32)

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) in (4, 5)):
            raise _RefusedError("an array with an unknown state")
        shape, dtype, fortran, raw = state[-4:]
        self.content = _array(raw, dtype, shape, "F" if fortran is True else "C")


def _array(raw: object, dtype: object, shape: object, order: str) -> NDArray[Any] | list[Any]:
    if not isinstance(dtype, _Dtype):
        raise _RefusedError("an array without a type")
    sizes = shape if isinstance(shape, tuple) else ()
    if not isinstance(shape, tuple) or any(type(n) is not int or n < 0 for n in sizes):
        raise _RefusedError(f"an array of shape {shape!r}")
    if dtype.objects:
        if len(sizes) != 1 or not isinstance(raw, list) or len(raw) != sizes[0]:
            raise _RefusedError(f"an array of objects of shape {shape!r}")
        return raw
    if isinstance(raw, str):  # what Python 2 wrote
        raw = raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise _RefusedError("an array without bytes")
    found = dtype.numpy()
    if len(raw) != math.prod(sizes) * found.itemsize:
        raise _RefusedError(f"an array of shape {shape!r} with {len(raw)} bytes")
    flat = np.frombuffer(raw, found) if len(raw) else np.empty(0, found)
    return flat.reshape(sizes, order="F" if order == "F" else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _frombuffer(raw: object, dtype: object, shape: object, order: object, *_: object) -> _Array:
    whole = _Array()
    whole.content = _array(raw, dtype, shape, "F" if order == "F" else "C")
    return whole


def _scalar(dtype: object, raw: object = b"") -> object:
    found = _array(raw, dtype, (1,), "C")
    if isinstance(found, list):
        raise _RefusedError("a scalar that is an object")
    return found[0].item()


def _dtype(code: object, *_: object) -> _Dtype:
    return _Dtype(code)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _plain(kind: Callable[..., Any]) -> Callable[..., Any]:
    def make(content: object = ()) -> Any:
        if not isinstance(content, list | tuple | dict | set):
            raise _RefusedError("a container made of something that is none")
        return kind(content)

    return make


def _no_bytes() -> bytes:
    """Stand in for `bytes()`, which is how old protocols write b"" and nothing else."""
    return b""


def _uncallable(*_: object) -> None:
    raise _RefusedError("a call of numpy.ndarray")


class _Allowed:
    """A callable that the stream may call and do nothing else with."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __setattr__(self, name: str, value: object) -> None:
        raise _RefusedError(f"a change of {name!r}")

    def __call__(self, *arguments: object) -> Any:
        return self._make(*arguments)


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_ALLOWED = {
    **{(module, "_reconstruct"): _Allowed(_reconstruct) for module in _MULTIARRAY},
    **{(module, "scalar"): _Allowed(_scalar) for module in _MULTIARRAY},
    **{(module, "_frombuffer"): _Allowed(_frombuffer) for module in _NUMERIC},
    ("numpy", "ndarray"): _Allowed(_uncallable),
    ("numpy", "dtype"): _Allowed(_dtype),
    ("_codecs", "encode"): _Allowed(_encode),
    ("collections", "OrderedDict"): _Allowed(_plain(dict)),
    ("builtins", "set"): _Allowed(_plain(set)),
    ("builtins", "frozenset"): _Allowed(_plain(frozenset)),
    ("__builtin__", "set"): _Allowed(_plain(set)),
    ("__builtin__", "bytes"): _Allowed(_no_bytes),
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError as error:
            raise _RefusedError(f"{module}.{name}") from error

    def persistent_load(self, _: object) -> Any:
        raise _RefusedError("a persistent id")


def read_pickle(path: Path) -> Any:
    """Read a pickle that holds numpy arrays and plain containers only.

    Returns:
        Dictionaries, lists, tuples and sets of str, bytes, numbers, bool, None and arrays of
        numbers or text; an array of Python objects comes as a list. Arrays may be read-only.

    Raises:
        CorpusError: it is no pickle, it is cut off, or it holds anything else.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as m:
            _scan(m)
            m.seek(0)
            found = _PlainUnpickler(m, encoding="latin1").load()
        return _thaw(found, {})
    except _RefusedError as error:
        raise ProblemError(
            "hostile pickle",
            f"{path}: holds {error}, and nothing in it was executed; expected numpy arrays, "
            "numbers, text and plain containers only",
        ) from error
    except Exception as error:
        # A broken or hostile stream can make the machine fail in any way there is.
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ProblemError("unreadable", f"{path}: not a whole pickle ({what})") from error


def _scan(stream: mmap.mmap) -> None:
    """Go through the instructions without following them."""
    # `genops` reads arguments, so that one longer than the file is found here.
    for count, (opcode, argument, position) in enumerate(
        pickletools.genops(cast(IO[bytes], stream))
    ):
        if opcode.name in _REFUSED:
            raise _RefusedError(f"the instruction {opcode.name} at byte {position}")
        if opcode.name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in _ALLOWED:
            raise _RefusedError(str(argument).replace(" ", "."))
        if opcode.name in _PUTS and isinstance(argument, int) and argument > count:
            # The memo is an array as long as the highest index.
            raise _RefusedError(f"the memo index {argument} at byte {position}")


def _thaw(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """Put arrays in the place of their stand-ins; what occurs twice is visited once.

    Args:
        value: anything the unpickler made.
        done: id -> what has that id, kept alive so that no other gets it, and what replaces it.
    """
    if isinstance(value, _Allowed | _Dtype):
        raise _RefusedError("a function or type in the place of data")
    if isinstance(value, dict | set | frozenset) and any(
        isinstance(item, _Allowed | _Dtype | _Array) for item in value
    ):
        raise _RefusedError("an array, function or type as a key or in a set")
    if isinstance(value, _Array):
        return _thaw(value.content, done) if isinstance(value.content, list) else value.content
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, tuple):
        whole = tuple(_thaw(item, done) for item in value)
        done[id(value)] = (value, whole)
        return whole
    done[id(value)] = (value, value)
    if isinstance(value, dict):
        for key in value:
            value[key] = _thaw(value[key], done)
    else:
        value[:] = [_thaw(item, done) for item in value]
    return value
