"""The built-in corpus: seeded, with the shape and the difficulties of a real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from merbench import seeds
from merbench.config import Config
from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.readers.base import Reader

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CLASSES = ("angry", "happy", "neutral", "sad")
CLASS_SHARES = np.array([0.2, 0.3, 0.3, 0.2])
# Rows are the classes, columns arousal, valence and a third dimension; all equally far apart.
CLASS_MEANS = np.array([[1, -1, -1], [1, 1, 1], [-1, 1, -1], [-1, -1, 1]], np.float64)
SESSIONS = 5
SPEAKERS = ("F", "M")
LATENT = 8  # the class moves the first three dimensions; the modalities share all of them
SHARED_NOISE = 0.5  # in those three: limits what all modalities together can tell
SHARED_STYLE = 2.0  # in the others: says nothing of the class, much of the other modalities
SPREAD = np.array([SHARED_NOISE] * 3 + [SHARED_STYLE] * (LATENT - 3))
PRIVATE_NOISE = 1.0
SPEAKER_SPREAD = 0.5
SHORTEST = 3
# What a method learns from the order of the frames alone: strength of the rise or fall over time.
DRIFT = 0.18
DRIFT_NOISE = 0.5
GRID = 1024


@dataclass(frozen=True)
class Stream:
    """The recipe of one modality.

    Attributes:
        name: of the modality.
        width: raw feature columns.
        mean_length: frames or tokens of an utterance of ordinary duration.
        longest: frames or tokens at most; equal to `mean_length` where the length is fixed.
        gains: how loudly it carries arousal, valence and the third class dimension.
    """

    name: str
    width: int
    mean_length: int
    longest: int
    gains: tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """The recipe of a corpus: its size, the turns of a dialogue, spread of durations, streams."""

    utterances: int
    dialogue: int
    duration_spread: float
    streams: tuple[Stream, ...]


AUDIO, VISUAL, TEXT = (0.8, 0.3, 0.4), (0.3, 0.65, 0.3), (0.5, 0.85, 0.58)
SHAPES = {
    "default": Shape(
        1200,
        24,
        0.5,
        (
            Stream("audio", 40, 30, 80, AUDIO),
            Stream("visual", 35, 20, 20, VISUAL),
            Stream("text", 128, 11, 20, TEXT),
        ),
    ),
    "iemocap": Shape(
        5531,
        37,
        0.65,
        (
            Stream("audio", 130, 45, 340, AUDIO),
            Stream("visual", 342, 50, 50, VISUAL),
            Stream("text", 1024, 12, 22, TEXT),
        ),
    ),
}


class SyntheticConfig(Config):
    """Settings of the synthetic corpus."""

    shape: Literal["default", "iemocap"] = Field(
        "default", description="widths and lengths: small, or those of IEMOCAP's MMIN features"
    )
    utterances: int = Field(1200, ge=20, description="how many; 5531 where shape is iemocap")
    seed: int = Field(0, description="another seed is another corpus of the same kind")

    @model_validator(mode="before")
    @classmethod
    def _size_of_the_shape(cls, data: Any) -> Any:
        if isinstance(data, dict) and "utterances" not in data and data.get("shape") in SHAPES:
            return {**data, "utterances": SHAPES[data["shape"]].utterances}
        return data


@dataclass(frozen=True)
class _Cast:
    """Who says what: one entry per utterance, in the order of the ids."""

    utterances: tuple[str, ...]
    labels: Integers
    speakers: NDArray[np.str_]
    sessions: NDArray[np.str_]
    dialogues: NDArray[np.str_]


@dataclass(frozen=True)
class _Hidden:
    """What no method sees.

    Attributes:
        latent: (N, LATENT) the emotion expressed: class mean plus what the modalities share.
        peak: (N,) where in the utterance it peaks, 0 to 1, at the same time in every modality.
        duration: (N,) length relative to an ordinary utterance.
        speaker: (N,) position of the speaker.
    """

    latent: Floats
    peak: Floats
    duration: Floats
    speaker: Integers


class SyntheticReader(Reader[SyntheticConfig]):
    """Generates the corpus; there is nothing to read.

    An utterance has a latent emotion: the mean of its class plus noise that all its modalities
    share, which is what makes an absent modality imaginable. Each modality carries the latent with
    gains of its own (audio is best at arousal, text and visual at valence), adds private noise, and
    shows it over time: most strongly around a peak that all modalities have at the same moment, and
    with a rise or fall that depends on the class and that pooling over time cannot see. Speakers
    shift every feature. Raw columns have non-zero means and scales from 0.03 to 30.

    Pooled logistic regression (mean, max and sd over time, C = 0.01, leave one speaker out) reaches
    a WA of about .60 from text, .53 from audio, .48 from visual and .72 from all of them; in
    IEMOCAP's shape, leaving one session out, .57, .53, .47 and .72.
    """

    summary: ClassVar[str] = "built in and seeded; audio, visual and text, 10 speakers, 4 classes"
    Config: ClassVar[type[Config]] = SyntheticConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Return False: this corpus is not on disk."""
        return False

    @classmethod
    def read(cls, config: SyntheticConfig) -> Corpus:
        """Generate the corpus: a function of the config and of nothing else."""
        key = ("synthetic", config.shape, config.utterances, config.seed)
        shape = SHAPES[config.shape]
        cast = _cast(config.utterances, shape.dialogue, key)
        hidden = _hidden(cast, shape.duration_spread, key)
        modalities = tuple(_modality(s, cast.labels, hidden, key) for s in shape.streams)
        return Corpus(
            "synthetic",
            cast.utterances,
            cast.labels,
            CLASSES,
            modalities,
            cast.speakers,
            cast.sessions,
            cast.dialogues,
        )


def _cast(n: int, dialogue_size: int, key: tuple[seeds.Part, ...]) -> _Cast:
    """Deal utterances out to sessions, dialogues and speakers, and labels to the speakers."""
    rng = seeds.generator(*key, "labels")
    session = np.arange(n) * SESSIONS // n
    starts = np.searchsorted(session, np.arange(SESSIONS))
    turn = np.arange(n) - starts[session]
    sizes = np.bincount(session, minlength=SESSIONS)
    # Whole exchanges, so that both speakers have a turn in every dialogue.
    dialogues = np.maximum(1, np.minimum(sizes // 2, np.rint(sizes / dialogue_size).astype(int)))
    dialogue = (turn // 2) * dialogues[session] // ((sizes[session] + 1) // 2)
    speaker = 2 * session + turn % 2
    labels = np.empty(n, np.int64)
    for who in range(2 * SESSIONS):
        mine = np.flatnonzero(speaker == who)
        # Every speaker has the same mix of classes, by thresholds on a shuffled even spacing.
        spaced = (np.arange(len(mine)) + 0.5) / len(mine)
        dealt = np.searchsorted(np.cumsum(CLASS_SHARES)[:-1], spaced, side="right")
        labels[mine] = rng.permutation(dealt)
    names, places = [], []
    spoken: dict[tuple[str, int], int] = {}
    for s, d, who in zip(session.tolist(), dialogue.tolist(), speaker.tolist(), strict=True):
        # As in IEMOCAP: half of a session's dialogues are named after each speaker.
        place = f"Ses{s + 1:02d}{SPEAKERS[d % 2]}_impro{d // 2 + 1:02d}"
        spoken[place, who] = spoken.get((place, who), -1) + 1
        places.append(place)
        names.append(f"{place}_{SPEAKERS[who % 2]}{spoken[place, who]:03d}")
    order = np.array(sorted(range(n), key=names.__getitem__))
    return _Cast(
        tuple(names[i] for i in order),
        labels[order],
        np.array([f"Ses{w // 2 + 1:02d}{SPEAKERS[w % 2]}" for w in speaker[order].tolist()]),
        np.array([str(s + 1) for s in session[order].tolist()]),
        np.array([places[i] for i in order]),
    )


def _hidden(cast: _Cast, duration_spread: float, key: tuple[seeds.Part, ...]) -> _Hidden:
    n = len(cast.utterances)
    rng = seeds.generator(*key, "latent")
    latent = rng.standard_normal((n, LATENT)) * SPREAD
    latent[:, :3] += CLASS_MEANS[cast.labels]
    duration = np.exp(duration_spread * rng.standard_normal(n) - duration_spread**2 / 2)
    speaker = np.unique(cast.speakers, return_inverse=True)[1]
    return _Hidden(latent, rng.uniform(0.2, 0.8, n), duration, speaker)


def _modality(
    stream: Stream, labels: Integers, hidden: _Hidden, key: tuple[seeds.Part, ...]
) -> Modality:
    n = len(labels)
    rng = seeds.generator(*key, stream.name)
    gains = np.array([*stream.gains, *[np.mean(stream.gains)] * (LATENT - 3)])
    carried = gains * hidden.latent + PRIVATE_NOISE * rng.standard_normal((n, LATENT))
    drift = DRIFT * CLASS_MEANS[labels, :2] + DRIFT_NOISE * rng.standard_normal((n, 2))
    mixing = rng.standard_normal((LATENT, stream.width))
    drift_mixing = rng.standard_normal((2, stream.width))
    offsets_of_speakers = SPEAKER_SPREAD * rng.standard_normal((2 * SESSIONS, stream.width))
    scales = np.round(10.0 ** rng.permutation(np.linspace(-1.5, 1.5, stream.width)), 3)
    signs = rng.choice([-1, 1], stream.width)
    means = np.round(scales * signs * rng.uniform(1, 5, stream.width), 3)

    lengths = np.full(n, stream.longest)
    if stream.mean_length < stream.longest:
        lengths = np.rint(stream.mean_length * hidden.duration).astype(np.int64)
        lengths = lengths.clip(SHORTEST, stream.longest)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.standard_normal((offsets[-1], stream.width), dtype=np.float32)
    # Some hundred utterances at a time: the signal is computed in float64.
    for first in range(0, n, 256):
        part = slice(first, min(first + 256, n))
        frames = slice(offsets[part.start], offsets[part.stop])
        owner = np.repeat(np.arange(part.start, part.stop), lengths[part])
        time = (np.arange(frames.start, frames.stop) - offsets[owner] + 0.5) / lengths[owner]
        strength = 1 / (1 + ((time - hidden.peak[owner]) / 0.3) ** 2)
        signal = (strength[:, None] * carried[owner]) @ mixing
        signal += ((1 - 2 * time)[:, None] * drift[owner]) @ drift_mixing
        signal += offsets_of_speakers[hidden.speaker[owner]]
        signal += values[frames]
        # On a grid, so that the last bit of a matrix product, which differs between machines,
        # does not reach the corpus and its fingerprint.
        values[frames] = np.rint(signal * GRID) / GRID * scales + means
    return Modality.build(stream.name, values, offsets)
