#!/usr/bin/env bash
# A corpus of your own, from a csv and an npz to a page: two minutes on two cores.
# Run it in an empty folder, where merbench is installed: bash first_corpus.sh
set -euo pipefail

# Two files: index.csv has a row an utterance, features.npz the features of each modality. Here both
# are made up: 180 utterances of six speakers, audio in 20 to 39 frames, text in one vector.
mkdir my_corpus
python - <<'PYTHON'
import csv

import numpy as np

rng = np.random.default_rng(0)
emotions = ["angry", "happy", "neutral"]
rows, audio, text = [], [], []
for number in range(180):
    speaker, emotion = number % 6, number // 6 % 3
    rows.append((f"clip{number:03}", emotions[emotion], f"speaker{speaker}"))
    audio.append(rng.normal(size=(rng.integers(20, 40), 12)) + 0.4 * np.eye(12)[emotion])
    text.append(rng.normal(size=16) + 2 * np.eye(16)[emotion])
text[7][:] = np.nan  # an utterance without a transcript

with open("my_corpus/index.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([("utterance", "label", "speaker"), *rows])
np.savez(
    "my_corpus/features.npz",
    audio=np.concatenate(audio),
    audio_offsets=np.cumsum([0, *map(len, audio)]),
    text=np.stack(text),
)
PYTHON

# Everything that is wrong with it, one problem a line; then what is in it, and which folds it can carry.
merbench data check my_corpus
merbench data describe my_corpus

# The same suite as on any corpus: what it would cost, the run, the page.
methods=logreg,zero_fill,modality_dropout
merbench plan quick --corpus my_corpus --methods "$methods" --out runs/first_corpus
merbench run quick --corpus my_corpus --methods "$methods" --out runs/first_corpus
merbench report runs/first_corpus
