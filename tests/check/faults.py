"""Faults as a bad commit would bring them: one edit in a copy of the package, run from there.

`python -m tests.check.faults` runs the `gate` suite with each, and prints what the gate says.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import merbench

CALL = "import sys; from merbench.cli import main; main(sys.argv[1:])"


@dataclass(frozen=True)
class Fault:
    """One edit of one file.

    Attributes:
        name: what was done.
        file: in the package.
        before: a piece of its text, there once.
        after: what replaces it.
        more: goes to the end of the file.
    """

    name: str
    file: str
    before: str
    after: str
    more: str = ""


DROPOUT = Fault(
    "dropout left on at test",
    "methods/parts/draws.py",
    "    if not training or p == 0:\n        return x\n",
    "    if p == 0:\n        return x\n    if not training:\n        return x * _kept(x, p)\n",
    """

def _kept(x, p):
    generator = torch.Generator(x.device).manual_seed(0)
    return (torch.rand(x.shape[-1], generator=generator) >= p) / (1 - p)
""",
)
LABELS = Fault(
    "a fifth of one class's training labels swapped",
    "execution/prepare.py",
    "        make_part(corpus, normaliser, fold.train, device, shown, held=HELD),\n",
    "        _swapped(make_part(corpus, normaliser, fold.train, device, shown, held=HELD)),\n",
    """

def _swapped(part):
    labels = part.labels.clone()
    first = (labels == 0).nonzero().squeeze(1)
    labels[first[::5]] = 1
    return Part(part.positions, labels, part.features, part.available)
""",
)
NOISE = Fault(
    "noise applied twice",
    "evaluation/evaluator.py",
    "return clean.with_values(damage.apply(clean, seen.point))",
    "once = clean.with_values(damage.apply(clean, seen.point))\n"
    "        return clean.with_values(damage.apply(once, seen.point))",
)
FROZEN = Fault(
    "audio encoder frozen at init",
    "training/loop.py",
    "trained = [p for p in network.parameters() if p.requires_grad]",
    "trained = [p for n, p in network.named_parameters() if '.of_audio.' not in n]",
)
NORMALISATION = Fault(
    "normalisation left out",
    "corpus/normalise.py",
    "scaled = (kept - self.mean) / self.sd",
    "scaled = kept",
)
FAULTS = (DROPOUT, LABELS, NOISE, FROZEN, NORMALISATION)
# Dropout that draws its mask anew makes logits depend on the batch: the run itself refuses that.
CARELESS_DROPOUT = Fault(
    "dropout left on at test, drawn anew",
    "methods/parts/draws.py",
    "if not training or p == 0:",
    "if p == 0:",
)


def plant(fault: Fault | None, target: Path) -> Path:
    """Copy the package to a folder and bring a fault into it."""
    source = Path(merbench.__file__).parent
    shutil.copytree(source, target / "merbench", ignore=shutil.ignore_patterns("__pycache__"))
    if fault is not None:
        path = target / "merbench" / fault.file
        text = path.read_text("utf-8")
        assert text.count(fault.before) == 1, f"{fault.name}: its place is gone"
        path.write_text(text.replace(fault.before, fault.after) + fault.more, "utf-8")
    return target


def call(package: Path | None, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Call the command line of a copy of the package, or of our own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    return subprocess.run(
        [sys.executable, "-P", "-c", CALL, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def table(folder: Path, suite: str = "gate") -> Iterator[str]:
    """Run a suite with each fault, and give the lines of a table of what the gate said."""
    before, reference = folder / "before", folder / "before.json"
    call(None, "run", suite, "--quiet", "--out", before).check_returncode()
    call(None, "check", before, "--save-reference", reference).check_returncode()
    yield "| fault | exit code | first line |\n|---|---:|---|"
    for fault in FAULTS:
        place = folder / fault.name.replace(" ", "_")
        package, run = plant(fault, place / "package"), place / "run"
        call(package, "run", suite, "--quiet", "--out", run).check_returncode()
        said = call(None, "check", run, "--reference", reference)
        yield f"| {fault.name} | {said.returncode} | {said.stdout.splitlines()[0]} |"


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        for line in table(Path(scratch)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
