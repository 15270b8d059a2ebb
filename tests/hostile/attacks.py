"""Corpora that mean harm: a sound one of each layout, and what spoils it."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpus.test_pickles import HOSTILE, Canary, array_pickle

HUGE = 1 << 40
Spoil = Callable[[Path], None]
U = "u000"


def npy(shape: object, dtype: str = "<f4", data: bytes = b"") -> bytes:
    """Write an npy file whose header says anything."""
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def link(name: str, target: str) -> Spoil:
    """Put a link in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return spoil


def content(name: str, data: bytes) -> Spoil:
    """Replace what a file holds."""
    return lambda folder: (folder / name).write_bytes(data) and None


def fifo(name: str) -> Spoil:
    """Put a pipe that nobody writes to in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return spoil


def directory(name: str) -> Spoil:
    """Put a folder in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


# --- npz: the table layout


def member(name: str, data: bytes) -> Spoil:
    """Put a member in the place of the archive's own of that name, or beside them."""

    def spoil(folder: Path) -> None:
        path = folder / "features.npz"
        with zipfile.ZipFile(path) as archive:
            kept = {n: archive.read(n) for n in archive.namelist() if n != name}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, old in kept.items():
                archive.writestr(each, old)
            archive.writestr(name, data)

    return spoil


def zeros(name: str, size: int) -> Spoil:
    """Put gigabytes of zeros, of some megabytes once packed, into the archive."""

    def spoil(folder: Path) -> None:
        path, block = folder / "features.npz", bytes(16 << 20)
        with (
            zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(name, "w", force_zip64=True) as stream,
        ):
            stream.write(npy((size // 4 // 1024, 1024)))
            for _ in range(size // len(block)):
                stream.write(block)

    return spoil


def overlapping(folder: Path) -> None:
    """Let a hundred entries of the archive's directory share one packed member."""
    path = folder / "features.npz"
    zeros("bomb.npy", 16 << 20)(folder)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("bomb.npy")
        start = archive.start_dir
    central = data[start:]
    where = central.rindex(b"PK\x01\x02")
    entry = central[where : where + 46 + len("bomb.npy")]
    entries = b"".join(entry[:46] + b"b%03d.npy" % n for n in range(200))
    count = struct.pack("<HHII", *(2 * [200]), len(entries), start)
    path.write_bytes(data[:start] + entries + b"PK\x05\x06\0\0\0\0" + count + b"\0\0")
    assert info.file_size > 1 << 20


# --- HDF5: the mmin layout

TEXT = "L/bert_large.h5"


def in_hdf5(change: Callable[[h5py.File, Path], None]) -> Spoil:
    def spoil(folder: Path) -> None:
        with h5py.File(folder / TEXT, "r+") as file:
            del file[U]
            change(file, folder)

    return spoil


def _secret(folder: Path) -> Path:
    path = folder.parent / "secret.h5"
    with h5py.File(path, "w") as file:
        file["secret"] = np.full((2, 4), 4242.0, np.float32)
    return path


def external_link(file: h5py.File, folder: Path) -> None:
    file[U] = h5py.ExternalLink(_secret(folder), "/secret")


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder.parent / "secret.bin").write_bytes(np.full((2, 4), 4242.0, "<f4").tobytes())
    external = [(str(folder.parent / "secret.bin"), 0, 32)]
    file.create_dataset(U, (2, 4), "<f4", external=external)


def external_storage_of_a_device(file: h5py.File, folder: Path) -> None:
    file.create_dataset(U, (2, 4), "<f4", external=[("/dev/zero", 0, 32)])


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((2, 4), "<f4")
    layout[:] = h5py.VirtualSource(_secret(folder), "secret", (2, 4))
    file.create_virtual_dataset(U, layout)


def soft_link_away(file: h5py.File, folder: Path) -> None:
    file["away"] = h5py.ExternalLink(_secret(folder), "/")
    file[U] = h5py.SoftLink("/away/secret")


def soft_link_loop(file: h5py.File, folder: Path) -> None:
    file[U] = h5py.SoftLink(f"/{U}")


def dangling(file: h5py.File, folder: Path) -> None:
    file[U] = h5py.SoftLink("/nowhere")


def huge_fill(file: h5py.File, folder: Path) -> None:
    file.create_dataset(U, (HUGE >> 4, 4), "<f4", chunks=(1 << 16, 4), fillvalue=7)


def _packed(file: h5py.File, name: str, chunks: int) -> None:
    """Write chunks of 16 MB of zeros each."""
    rows = 1 << 20
    made = file.create_dataset(name, (chunks * rows, 4), "<f4", chunks=(rows, 4), compression=1)
    packed = zlib.compress(bytes(rows * 16), 1)
    for chunk in range(chunks):
        made.id.write_direct_chunk((chunk * rows, 0), packed)


def packed_zeros(file: h5py.File, folder: Path) -> None:
    _packed(file, U, chunks=128)


def hard_links(file: h5py.File, folder: Path) -> None:
    """Let every utterance be one dataset of 64 MB of zeros."""
    names = [U, *file]
    for name in names[1:]:
        del file[name]
    _packed(file, U, chunks=8)
    for name in names[1:]:
        file[name] = file[U]


def a_group(file: h5py.File, folder: Path) -> None:
    file.create_group(U)


def objects(file: h5py.File, folder: Path) -> None:
    file.create_dataset(U, (2, 4), h5py.special_dtype(vlen=np.float32))


def strings(file: h5py.File, folder: Path) -> None:
    file[U] = ["import os"] * 4


def references(file: h5py.File, folder: Path) -> None:
    made = file.create_dataset(U, (1, 1), h5py.ref_dtype)
    made[0, 0] = file.ref


def a_type(file: h5py.File, folder: Path) -> None:
    file[U] = np.dtype("<f4")


def compound(file: h5py.File, folder: Path) -> None:
    file[U] = np.zeros((2, 4), [("a", "<f4"), ("b", "<i8")])


# --- native


def manifest(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """Change the manifest, and its digest so that it fits."""

    def spoil(folder: Path) -> None:
        from merbench.corpus.readers.native import Manifest  # noqa: PLC0415

        path = folder / "manifest.json"
        said = json.loads(path.read_text("utf-8"))
        change(said)
        said["digest"] = Manifest(**said).own_digest()
        path.write_text(json.dumps(said), "utf-8")

    return spoil


def native_file(name: str, data: bytes) -> Spoil:
    """Change a file, and what the manifest says of it so that it fits."""
    import hashlib  # noqa: PLC0415

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data)
        own = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest(lambda said: said["files"].update({name: own}))(folder)

    return spoil


def escape_by(name: str) -> Spoil:
    def change(said: dict[str, Any]) -> None:
        said["modalities"][0]["values"] = name
        said["files"][name] = said["files"]["audio.npy"]

    return manifest(change)


def parquet_bomb() -> bytes:
    """Return rows without end of one long text, which dictionary and run lengths make small."""
    sink = pa.BufferOutputStream()
    text = "x" * (1 << 20)
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1 << 16, np.int32)), [text])
    names = ["utterance", "label", "speaker", "session", "dialogue"]
    pq.write_table(pa.table(dict.fromkeys(names, column)), sink)
    return sink.getvalue().to_pybytes()


# --- pickles: the mmsa layout


def memo_doubling() -> bytes:
    """Return a tuple of tuples of tuples: 2**60 leaves if it were ever unfolded."""
    found: Any = ("x",)
    for _ in range(60):
        found = (found, found)
    return pickle.dumps({part: {"id": found, "text": found} for part in ("train", "test")})


def text_doubling() -> bytes:
    """Return one text of a megabyte that a list names a million times."""
    return pickle.dumps({"train": {"id": ["x" * (1 << 20)] * (1 << 20)}})


def wide_text() -> bytes:
    """Return ids that an array of fixed width would hold a terabyte of."""
    ids = [f"{n}" for n in range(1 << 16)]
    ids[0] = "x" * (1 << 20)
    n = len(ids)
    part = {"id": ids, "text": np.zeros((n, 1)), "audio": np.zeros((n, 1)), "annotations": ids}
    return pickle.dumps({"train": part})


def repeated_arrays() -> bytes:
    """Return frames that a memo repeats: each part shares one array."""
    n = 1 << 15
    array = np.zeros((n, 1), np.float32)
    part = {"id": ["x"] * n, "text": array, "audio": array, "vision": array}
    return pickle.dumps({"train": part | {"annotations": part["id"]}}, protocol=5)


def long_integer() -> bytes:
    """Return ids that are numbers of a million digits, which take minutes to write out."""
    return pickle.dumps({"train": {"id": [1 << (1 << 22)], "text": np.zeros((1, 1))}})


def decimal_integer() -> bytes:
    """Return a number written as ten million decimals."""
    return b"I" + b"9" * 10_000_000 + b"\n."


def harmful(name: str) -> Spoil:
    """Write one of the pickles that execute, with a canary beside the corpus."""

    def spoil(folder: Path) -> None:
        (folder / "corpus.pkl").write_bytes(HOSTILE[name](Canary(folder.parent / "executed")))

    return spoil


def huge_array() -> bytes:
    """Return an array of a shape that nothing holds, with the bytes of none."""
    return array_pickle((HUGE, HUGE), b"")


# --- all of them: layout -> attack -> what does it
BIG = "1" * 200_000
AUDIO, TARGET = f"audio/{U}.npy", "target/1/trn_label.npy"
OBJECTS = npy((1,), "|O", pickle.dumps(None))
ATTACKS: dict[str, dict[str, Spoil]] = {
    "table": {
        "huge shape": member("audio.npy", npy((HUGE, HUGE))),
        "large shape": member("audio.npy", npy((HUGE, 4))),
        "shape beyond integers": member("audio.npy", npy((10**30, 4))),
        "negative shape": member("audio.npy", npy((-1, 4))),
        "shape that is no tuple": member("audio.npy", npy([4, 4])),
        "shape of text": member("audio.npy", npy(("a", 4))),
        "header that is code": member("audio.npy", npy("__import__('os').system('touch x')")),
        "deep header": member("audio.npy", npy((), "(" * 9000 + ")" * 9000)),
        "unknown version": member("audio.npy", b"\x93NUMPY\x09\x00" + bytes(100)),
        "objects": member("audio.npy", OBJECTS),
        "records": member("audio.npy", npy((12,), "<f4,<f4", bytes(96))),
        "dates": member("audio.npy", npy((24, 1), "<M8[s]", bytes(192))),
        "complex": member("audio.npy", npy((24, 1), "<c8", bytes(192))),
        "zip bomb": zeros("audio2.npy", 1 << 30),
        "overlapping members": overlapping,
        "member outside": member("../../escaped.npy", npy((24, 1), data=bytes(96))),
        "absolute member": member("/tmp/escaped.npy", npy((24, 1), data=bytes(96))),
        "member that is no array": member("notes.txt", b"hello"),
        "cut": lambda folder: os.truncate(folder / "features.npz", 700),
        "no archive": content("features.npz", b"PK\x03\x04" + bytes(400)),
        "a pickle": content("features.npz", pickle.dumps({"audio": 1})),
        "one array": content("features.npz", npy((24, 1), data=bytes(96))),
        "huge array alone": content("features.npz", npy((HUGE, 4))),
        "offsets beyond": member("audio_offsets.npy", npy((25,), "<i8", b"\x7f" * 200)),
        "device": link("features.npz", "/dev/zero"),
        "pipe": fifo("features.npz"),
        "folder": directory("features.npz"),
        "loop": link("features.npz", "features.npz"),
        "index is a device": link("index.csv", "/dev/zero"),
        "index is a pipe": fifo("index.csv"),
        "index is a folder": directory("index.csv"),
        "index is a passwd": link("index.csv", "/etc/passwd"),
        "huge field": content("index.csv", f"utterance,label\n{BIG},a\n".encode()),
        "huge header": content("index.csv", b"utterance,label," + b"x," * 200_000 + b"\n"),
        "open quote": content("index.csv", b'utterance,label\n"' + b"x\n" * 100_000),
        "not UTF-8": content("index.csv", b"utterance,label\n\xff\xfe,a\n"),
        "NUL": content("index.csv", b"utterance,label\n\0,a\n"),
        "side of depth": content("corpus.json", b"[" * 200_000),
        "side of a long number": content("corpus.json", b'{"name": ' + b"9" * 100_000 + b"}"),
        "side is a device": link("corpus.json", "/dev/zero"),
    },
    "npy_dir": {
        "huge shape": content(AUDIO, npy((HUGE, HUGE))),
        "large shape": content(AUDIO, npy((HUGE, 5))),
        "larger than the file": content(AUDIO, npy((1 << 27, 5), data=bytes(100))),
        "negative shape": content(AUDIO, npy((-1, 5))),
        "objects": content(AUDIO, OBJECTS),
        "a pickle": content(AUDIO, pickle.dumps(np.zeros(5))),
        "an archive": content(AUDIO, b"PK\x03\x04" + bytes(400)),
        "device": link(AUDIO, "/dev/zero"),
        "pipe": fifo(AUDIO),
        "folder": directory(AUDIO),
        "loop": link(AUDIO, f"{U}.npy"),
        "labels is a device": link("labels.csv", "/dev/zero"),
        "labels is a pipe": fifo("labels.csv"),
        "labels is a folder": directory("labels.csv"),
        "id that leads away": lambda folder: (
            (folder / "labels.csv").write_text(
                (folder / "labels.csv").read_text().replace("u001", "../../secret")
            )
            and None
        ),
        "absolute id": lambda folder: (
            (folder / "labels.csv").write_text(
                (folder / "labels.csv").read_text().replace("u001", "/etc/passwd")
            )
            and None
        ),
    },
    "mmsa": {
        **{name: harmful(name) for name in HOSTILE},
        "memo doubling": content("corpus.pkl", memo_doubling()),
        "text doubling": content("corpus.pkl", text_doubling()),
        "wide text": content("corpus.pkl", wide_text()),
        "repeated arrays": content("corpus.pkl", repeated_arrays()),
        "long integer": content("corpus.pkl", long_integer()),
        "decimal integer": content("corpus.pkl", decimal_integer()),
        "huge array": content("corpus.pkl", huge_array()),
        "device": link("corpus.pkl", "/dev/zero"),
        "pipe": fifo("corpus.pkl"),
        "a folder": directory("corpus.pkl"),
    },
    "mmin": {
        **{
            change.__name__.replace("_", " "): in_hdf5(change)
            for change in (
                *(external_link, external_storage, external_storage_of_a_device, virtual),
                *(soft_link_away, soft_link_loop, dangling, huge_fill, packed_zeros, hard_links),
                *(a_group, objects, strings, references, a_type, compound),
            )
        },
        "no HDF5": content(TEXT, b"\x89HDF\r\n\x1a\n" + bytes(500)),
        "cut": lambda folder: os.truncate(folder / TEXT, 3000),
        "device": link(TEXT, "/dev/zero"),
        "pipe": fifo(TEXT),
        "folder": directory(TEXT),
        "huge labels": content(TARGET, npy((HUGE, 4))),
        "large labels": content(TARGET, npy((HUGE,), "<i8")),
        "labels of objects": content(TARGET, OBJECTS),
        "class numbers without end": content(
            TARGET, npy((8,), "<i8", struct.pack("<8q", *[1 << 60] * 8))
        ),
        "labels are a pipe": fifo(TARGET),
        "names of width": content("target/1/trn_int2name.npy", npy((8, HUGE), "|S1")),
    },
    "native": {
        "values outside": escape_by("../secret.npy"),
        "absolute values": escape_by("/etc/passwd"),
        "huge shape": native_file("audio.npy", npy((HUGE, HUGE))),
        "large shape": native_file("audio.npy", npy((HUGE, 5))),
        "objects": native_file("audio.npy", OBJECTS),
        "offsets of a huge shape": native_file("audio.offsets.npy", npy((HUGE,), "<i8")),
        "index expands": native_file("index.parquet", parquet_bomb()),
        "index is no Parquet": native_file("index.parquet", b"PAR1" + bytes(100) + b"PAR1"),
        "values are a device": link("audio.npy", "/dev/zero"),
        "values are a pipe": fifo("audio.npy"),
        "index is a pipe": fifo("index.parquet"),
        "manifest is a pipe": fifo("manifest.json"),
        "manifest of depth": content("manifest.json", b'{"a":' * 200_000),
        "manifest of a long number": content("manifest.json", b'{"v":' + b"9" * 100_000 + b"}"),
        "manifest is a device": link("manifest.json", "/dev/zero"),
        "a version without end": manifest(lambda said: said.update(utterances=10**300)),
    },
}
