"""Pickles are read without executing anything in them."""

import builtins
import collections
import os
import pickle
import struct
import types

import numpy as np
import pytest

from merbench.corpus.pickles import _ALLOWED, read_pickle
from merbench.errors import CorpusError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def plain():
    rng = np.random.default_rng(0)
    return {
        "f4": rng.normal(size=(3, 4, 2)).astype("f4"),
        "f8 fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "i8": np.arange(5),
        "big endian": np.arange(5, dtype=">i4"),
        "bool": np.array([True, False]),
        "text": np.array(["a", "später"]),
        "bytes": np.array([b"a", b"bc"]),
        "empty": np.empty((0, 7), "f4"),
        "scalar": np.float64(1.5),
        "int": np.int64(3),
        "plain": [1, 2.5, "x", b"y", b"", None, True, (1, (2,)), {"k": []}, {1, 2}],
        "ordered": collections.OrderedDict(a=1, b=[np.arange(2)]),
    }


def same(one, other):
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert type(one) is type(other)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_and_containers_come_back_as_they_were(tmp_path, protocol):
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(plain(), protocol=protocol))
    same(plain(), read_pickle(path))


@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
def test_numpy_s_old_and_new_module_names_are_known(tmp_path, module):
    written = pickle.dumps(np.arange(6.0).reshape(2, 3), protocol=2)
    path = tmp_path / "a.pkl"
    path.write_bytes(written.replace(b"numpy._core.multiarray", f"{module}.multiarray".encode()))
    same(np.arange(6.0).reshape(2, 3), read_pickle(path))


def test_what_python_2_wrote_is_read(tmp_path):
    # protocol 2 of Python 2: bytes are str, written by SHORT_BINSTRING
    raw = np.array([1.0, 2.0], "<f4").tobytes()
    written = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + raw + b"tb."
    )
    path = tmp_path / "old.pkl"
    path.write_bytes(written)
    same(np.array([1.0, 2.0], "f4"), read_pickle(path))


def test_an_array_of_objects_comes_as_a_list_of_what_may_be_read(tmp_path):
    path = tmp_path / "objects.pkl"
    path.write_bytes(pickle.dumps(np.array(["one", None, np.arange(2)], dtype=object)))
    same(["one", None, np.arange(2)], read_pickle(path))


def test_what_is_shared_is_visited_once_and_what_contains_itself_ends(tmp_path):
    laughs = [np.zeros(1)]
    for _ in range(60):
        laughs = [laughs] * 10
    loop = {}
    loop["self"] = [loop]
    path = tmp_path / "laughs.pkl"
    path.write_bytes(pickle.dumps({"laughs": laughs, "loop": loop}))
    found = read_pickle(path)
    assert found["laughs"][0] is found["laughs"][9]
    assert found["loop"]["self"][0] is found["loop"]


class Canary:
    """Writes a file when it is executed."""

    def __init__(self, path):
        self.path = path

    @property
    def command(self):
        return f"touch {self.path}".encode()

    @property
    def code(self):
        return f"open({str(self.path)!r}, 'w').close()".encode()


def text(value):
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(value)]) + value


def stack_global(module, name):
    return text(module) + text(name) + b"\x93"


HOSTILE = {
    "os.system by REDUCE": lambda c: b"cos\nsystem\n" + text(c.command) + b"\x85R.",
    "posix.system": lambda c: b"\x80\x02cposix\nsystem\n" + text(c.command) + b"\x85R.",
    "builtins.eval": lambda c: b"cbuiltins\neval\n" + text(c.code) + b"\x85R.",
    "builtins.exec, protocol 4": lambda c: (
        b"\x80\x04" + stack_global(b"builtins", b"exec") + text(c.code) + b"\x85R."
    ),
    "a dotted name": lambda c: (
        b"\x80\x04"
        + stack_global(b"numpy", b"lib._utils_impl.os.system")
        + text(c.command)
        + b"\x85R."
    ),
    "a dotted name under an allowed module": lambda c: (
        b"\x80\x04"
        + stack_global(b"numpy._core.multiarray", b"os.system")
        + text(c.command)
        + b"\x85R."
    ),
    "a dotted name under an allowed one": lambda c: (
        b"\x80\x04" + stack_global(b"numpy._core.multiarray", b"_reconstruct.__globals__") + b"."
    ),
    "INST": lambda c: b"(" + text(c.command) + b"ios\nsystem\n.",
    "OBJ": lambda c: b"(cos\nsystem\n" + text(c.command) + b"o.",
    "NEWOBJ": lambda c: b"\x80\x02cnumpy\nndarray\n)\x81.",
    "numpy.load": lambda c: b"cnumpy\nload\n" + text(b"x") + b"\x85R.",
    "numpy.ndarray called": lambda c: b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.",
    "BUILD on an allowed callable": lambda c: (
        b"\x80\x02cnumpy\ndtype\nN}" + text(b"_make") + text(b"x") + b"s\x86b."
    ),
    "BUILD on an allowed callable, by __dict__": lambda c: (
        b"\x80\x02cnumpy\ndtype\n}" + text(b"_make") + text(b"x") + b"sb."
    ),
    "BUILD on an array": lambda c: (
        b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n)R}" + text(b"content") + b"Nsb."
    ),
    "a persistent id": lambda c: b"Pos.system\n.",
    "a binary persistent id": lambda c: text(b"os.system") + b"Q.",
    "an extension code": lambda c: b"\x80\x02\x82\x01" + text(c.command) + b"\x85R.",
    "a codec that is no text encoding": lambda c: (
        b"\x80\x02c_codecs\nencode\n" + text(b"x") + text(b"zip") + b"\x86R."
    ),
    "a function in the place of data": lambda c: b"\x80\x02cnumpy\ndtype\n.",
    "a function in a list": lambda c: b"\x80\x02](cnumpy\ndtype\ne.",
    "a function in a set": lambda c: b"\x80\x04\x8f(cnumpy\ndtype\n\x90.",
    "a function as a key": lambda c: b"\x80\x02}cnumpy\ndtype\nNs.",
    "an array as a key": lambda c: b"\x80\x02}cnumpy._core.multiarray\n_reconstruct\n)RNs.",
    "a length beyond the file": lambda c: b"\x80\x04\x8e" + struct.pack("<Q", 1 << 50) + b"x.",
    "a memo index": lambda c: b"\x80\x02Nr" + struct.pack("<I", 1 << 31) + b".",
    "nothing": lambda c: b"",
    "no pickle": lambda c: b"{'train': 1}",
    "a frame beyond the file": lambda c: b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",
    "the middle of a pickle": lambda c: pickle.dumps(plain())[:900],
    "an empty stack": lambda c: b"R.",
    "depth": lambda c: b"\x80\x02" + b"(" * 100000 + b"t" * 100000 + b".",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_broken_stream_is_one_error_and_executes_nothing(tmp_path, name, monkeypatch):
    canary = Canary(tmp_path / "executed")
    for module, function in ((os, "system"), (builtins, "eval"), (builtins, "exec")):
        monkeypatch.setattr(module, function, lambda *_: canary.path.touch())
    path = tmp_path / "hostile.pkl"
    path.write_bytes(HOSTILE[name](canary))
    with pytest.raises(CorpusError) as caught:
        read_pickle(path)
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{path}: ")
    assert not canary.path.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os.system by REDUCE", "holds os.system, and nothing in it was executed"),
        ("builtins.exec, protocol 4", "builtins.exec"),
        ("a dotted name under an allowed module", "numpy._core.multiarray.os.system"),
        ("an extension code", "EXT1 at byte 2"),
        ("a memo index", "memo index 2147483648"),
        ("INST", "INST"),
        ("no pickle", "not a whole pickle"),
        ("nothing", "not a whole pickle"),
    ],
)
def test_the_error_names_what_was_met(tmp_path, name, words):
    path = tmp_path / "hostile.pkl"
    path.write_bytes(HOSTILE[name](Canary(tmp_path / "executed")))
    with pytest.raises(CorpusError) as caught:
        read_pickle(path)
    assert words in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_the_canary_sings_where_the_ordinary_unpickler_reads(tmp_path):
    canary = Canary(tmp_path / "executed")
    pickle.loads(HOSTILE["builtins.eval"](canary))
    assert canary.path.exists()


def test_the_table_of_stand_ins_holds_nothing_of_python_s_or_numpy_s():
    for stand_in in _ALLOWED.values():
        assert not isinstance(stand_in, type | types.FunctionType | types.BuiltinFunctionType)
        with pytest.raises(AttributeError):
            stand_in.__dict__  # noqa: B018  # nothing there for BUILD to fill


def array_pickle(shape, raw, code=b"f4", state=b""):
    """An array of a shape and bytes that need not fit."""
    dtype = b"cnumpy\ndtype\n" + text(code) + b"\x89\x88\x87R(K\x03" + text(b"<") + b"NNN"
    dtype += b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    return (
        b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n)R(K\x01"
        + pickle.dumps(shape, protocol=2)[2:-1]
        + dtype
        + b"\x89"
        + b"B" + struct.pack("<I", len(raw)) + raw
        + b"tb."
    )  # fmt: skip


def test_an_array_written_by_hand_is_read(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(array_pickle((2,), np.array([1, 2], "<f4").tobytes()))
    same(np.array([1, 2], "f4"), read_pickle(path))


@pytest.mark.parametrize(
    ("shape", "raw", "code"),
    [
        ((10**12,), b"\0" * 8, b"f4"),
        ((-1,), b"", b"f4"),
        ((2, -1), b"\0" * 8, b"f4"),
        ((2.0,), b"\0" * 8, b"f4"),
        ([2], b"\0" * 8, b"f4"),
        ((10**18,), b"", b"S0"),
        ((1,), b"\0" * 8, b"M8"),
        ((1,), b"\0" * 8, b"O8"),
        ((1,), b"\0" * 8, b"f4,f4"),
        ((1,), b"\0" * 3, b"f3"),
        ((1,), b"\0" * 16, b"V16"),
    ],
)
def test_an_array_whose_bytes_do_not_fit_is_refused(tmp_path, shape, raw, code):
    path = tmp_path / "a.pkl"
    path.write_bytes(array_pickle(shape, raw, code))
    with pytest.raises(CorpusError, match="holds an array"):
        read_pickle(path)


@pytest.mark.parametrize("at", [1, 10, 100, -1])
def test_a_pickle_that_is_cut_off_is_refused(tmp_path, at):
    path = tmp_path / "cut.pkl"
    path.write_bytes(pickle.dumps(plain(), protocol=4)[:at])
    with pytest.raises(CorpusError, match=r"cut\.pkl: not a whole pickle"):
        read_pickle(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_any_damaged_pickle_is_read_or_refused_and_executes_nothing(tmp_path, protocol):
    whole = pickle.dumps(plain(), protocol=protocol)
    rng = np.random.default_rng(protocol)
    path = tmp_path / "damaged.pkl"
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 5)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_pickle(path)
        except CorpusError:
            refused += 1
    assert refused > 50
