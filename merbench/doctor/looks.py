"""What can be told of a machine and an installation by looking."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil
import torch
from filelock import FileLock

from merbench import registry
from merbench.api.engines import default_jobs
from merbench.doctor.finding import Finding
from merbench.errors import did_you_mean
from merbench.execution.provenance import versions
from merbench.text import shortened, visible

_GIB = 2**30
_LITTLE_DISK, _LITTLE_MEMORY = 2 * _GIB, 2 * _GIB  # what `full_grid` takes, roughly
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_EXTRAS = {
    "distributed": "Dask: --backend dask; pip install 'merbench[dask]'",
    "optuna": "Optuna: merbench tune; pip install 'merbench[tune]'",
    "ipywidgets": "a progress bar in notebooks; pip install ipywidgets",
}
_LONGEST = 200  # characters of a variable's value
# Read by what is no flag: the path that test corpora lie under.
_OTHER_VARIABLES = ("MERBENCH_CORPORA",)


def look(folder: Path, variables: Iterable[str]) -> Iterator[Finding]:
    """Look at all there is.

    Args:
        folder: where runs are to lie; it need not be there.
        variables: the MERBENCH_ variables that set something.
    """
    yield from _versions()
    yield from _devices()
    yield from _threads()
    yield from _places(folder)
    yield from _extras()
    yield from _plugins()
    yield from _variables(os.environ, [*variables, *_OTHER_VARIABLES])


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "system", f"{platform.system()} {platform.machine()}")
    for name, version in versions().items():
        yield Finding("versions", name, version)


def _devices() -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    yield Finding(
        "devices",
        "cpu",
        f"{os.cpu_count()} processors, of which this process may use {default_jobs()}",
    )
    free = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free"
    if memory.available < _LITTLE_MEMORY:
        yield Finding("devices", "memory", f"{free}; use fewer --jobs", "note")
    else:
        yield Finding("devices", "memory", free)
    if not torch.cuda.is_available():
        yield Finding("devices", "cuda", "none that torch can use")
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield _gpu(f"cuda:{index}")


def _gpu(device: str) -> Finding:
    try:
        free, total = torch.cuda.mem_get_info(device)
        torch.ones(8, device=device).sum().item()
    except RuntimeError as error:  # what torch raises for a driver or a card that does not work
        told = str(error).partition("\n")[0]
        return Finding("devices", device, f"does not compute: {told}; use --device cpu", "problem")
    name = torch.cuda.get_device_name(device)
    return Finding("devices", device, f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free")


def _threads() -> Iterator[Finding]:
    yield Finding("threads", "torch", f"{torch.get_num_threads()} in this process; cells take 1")
    for name in _THREADS:
        if name in os.environ:
            yield Finding("threads", name, visible(shortened(os.environ[name], _LONGEST)))


def _places(folder: Path) -> Iterator[Finding]:
    """Look at the disks that runs and drafts go to: room, and whether they can be written to."""
    for name, place in (("runs", folder), ("temporary files", Path(tempfile.gettempdir()))):
        there = _nearest(place)
        where = visible(str(place))
        try:
            free = shutil.disk_usage(there).free
            _write(there)
        except OSError as error:
            reason = error.strerror or str(error)
            yield Finding("disk", name, f"{where}: cannot write there ({reason})", "problem")
            continue
        text = f"{where}: can be written to, {free / _GIB:.1f} GiB free"
        if free < _LITTLE_DISK:
            yield Finding("disk", name, f"{text}; a large run needs more", "note")
        else:
            yield Finding("disk", name, text)


def _nearest(place: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    found = place.absolute()
    while not found.exists():
        found = found.parent
    return found


def _write(folder: Path) -> None:
    """Do what a run does there: write, take the place of a file, and lock.

    Raises:
        OSError: one of these cannot be done.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".merbench-doctor-") as name:
        draft, target = Path(name) / "draft", Path(name) / "target"
        draft.write_bytes(bytes(1 << 16))
        target.touch()
        draft.replace(target)
        with FileLock(Path(name) / "lock").acquire(timeout=0):
            pass


def _extras() -> Iterator[Finding]:
    for module, what in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        purpose, _, install = what.partition("; ")
        yield Finding("extras", purpose, "installed" if there else f"not installed ({install})")


def _plugins() -> Iterator[Finding]:
    groups: tuple[registry.Group, ...] = ("methods", "noises", "readers", "metrics")
    for group in groups:
        names = registry.names(group)
        yield Finding("plug-ins", group, f"{len(names)} registered")
        for name in names:
            fault = registry.fault(group, name)
            if fault is not None:
                yield Finding("plug-ins", name, fault, "note")


def _variables(environment: Mapping[str, str], known: Iterable[str]) -> Iterator[Finding]:
    """Tell the variables that are in force, and those that look so and are not."""
    known = {*known}  # several commands have one option
    for name in sorted(environment):
        if not name.startswith("MERBENCH_"):
            continue
        shown = visible(shortened(environment[name], _LONGEST))
        if name in known:
            yield Finding("variables", name, shown)
        else:
            said = f"{shown}: sets nothing; {did_you_mean(name, known)}"
            yield Finding("variables", visible(name), said, "note")
