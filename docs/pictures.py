"""Draws what each noise does to an utterance of the synthetic corpus: the pictures of grid.md.

    python docs/pictures.py [FOLDER]

Nothing is made up: the damage is that which methods meet, drawn by the suite's own code.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from merbench import load_corpus, registry
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.schedule import SCHEDULES, STEPS, signal_share
from merbench.features.ragged import Ragged

HERE = Path(__file__).parent / "pictures"
SEVERITIES = (0.0, 0.2, 0.5, 0.8, 1.0)
MODALITY = 0  # audio, 40 features a frame
COLOURS = 3.0  # standard deviations at the ends of the colour scale
PNG = {"Software": None}  # no version in the file: equal pictures are equal bytes

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Damaged:
    """An utterance under one noise: (T, D) frames for each severity that was applied."""

    noise: str
    frames: dict[float, Frames]


def damaged_utterances(utterances: int = 120) -> list[Damaged]:
    """Return one utterance of a small synthetic corpus under every noise that ships."""
    corpus = load_corpus("synthetic", utterances=utterances)
    modality = corpus.modalities[MODALITY]
    everyone = np.arange(len(corpus))
    normaliser = fit_normaliser(corpus, everyone)
    corruptor = Corruptor(corpus, normaliser, seed=0)
    # An utterance of ordinary length shows both ends of a span.
    chosen = int(np.argsort(modality.lengths)[len(corpus) // 2])
    raw = modality.values[modality.offsets[chosen] : modality.offsets[chosen + 1]]
    values = torch.from_numpy(normaliser.modalities[MODALITY].apply(raw))
    clean = Ragged(values, torch.tensor([len(values)]))
    found = []
    for name in registry.loadable("noises"):
        kind = registry.load("noises", name)
        noise = kind(kind.Config())
        damage = corruptor.damage(noise, MODALITY, np.array([chosen]), 0, torch.device("cpu"))
        points = [noise.at_severity(severity) for severity in SEVERITIES]
        frames = {point.severity: damage.apply(clean, point).numpy() for point in points}
        found.append(Damaged(name, frames))
    return found


def draw_noise(damaged: Damaged, out: Path) -> None:
    """Draw the frames of every severity side by side, time to the right."""
    figure = Figure(figsize=(7.2, 1.55), layout="constrained", facecolor="white")
    axes = figure.subplots(1, len(damaged.frames), sharey=True)
    for axis, (severity, frames) in zip(axes, damaged.frames.items(), strict=True):
        axis.imshow(
            frames.T,
            aspect="auto",
            origin="lower",
            cmap="RdBu_r",
            vmin=-COLOURS,
            vmax=COLOURS,
            interpolation="nearest",
        )
        title = "clean" if severity == 0 else f"severity {severity:.2f}"
        axis.set_title(title, fontsize=8)
        axis.tick_params(labelsize=6, length=2)
    axes[0].set_ylabel("feature", fontsize=7)
    figure.supxlabel("frame", fontsize=7)
    figure.savefig(out, dpi=110, metadata=PNG)


def draw_schedules(out: Path) -> None:
    """Draw severity over the steps of every schedule."""
    figure = Figure(figsize=(5.2, 2.6), layout="constrained", facecolor="white")
    axis = figure.subplots()
    for schedule, style in zip(SCHEDULES, ("-.", "-", "--", ":"), strict=True):
        axis.plot(np.arange(STEPS + 1), 1 - signal_share(schedule), style, label=schedule)
    axis.set_xlabel("level t")
    axis.set_ylabel("severity $1-\\bar\\alpha_t$")
    axis.legend(frameon=False, fontsize=8)
    axis.grid(alpha=0.3)
    figure.savefig(out, dpi=110, metadata=PNG)


def main(out: Path) -> None:
    """Draw all pictures into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"font.size": 9}):
        for damaged in damaged_utterances():
            draw_noise(damaged, out / f"{damaged.noise}.png")
        draw_schedules(out / "schedules.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
