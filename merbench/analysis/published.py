"""Figures of papers on the same corpus, each with its source and how its epoch was picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """One line of a paper's table.

    Attributes:
        system: as the paper calls it.
        metric: `wa` or `ua`.
        values: in %, by the columns of the table; None where the source has none.
        source: where the figures were read.
        epoch: how the epoch was picked: `validation`, `test` or `unknown`.
        note: what a reader must know, or empty.
    """

    system: str
    metric: str
    values: tuple[float | None, ...]
    source: str
    epoch: str
    note: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """Figures for one corpus: columns are patterns in the papers' words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    caption: str


# Read from stored copies of papers and code; nothing was run. {a}, {v}, {t}: modalities present.
_SIX = ("{a}", "{v}", "{t}", "{a,v}", "{a,t}", "{v,t}", "average")
_PRIMD = "reprinted in PriMD (2026)"
_QUOTED = "paper, as quoted in AIM3-RUC/MMIN issue 7"
_SCRIPT = "the authors' plotting script"
_OTHER = "other features (wav2vec, DeBERTa, MANet) and five session folds: not comparable"
_DRIFT = "differs from the reprint in four of six columns"

IEMOCAP = PublishedTable(
    title="Published on IEMOCAP, four classes",
    columns=_SIX,
    rows=(
        PublishedRow(
            "MMIN",
            "ua",
            (59.00, 51.60, 68.02, 65.43, 75.14, 73.61, 65.46),
            _QUOTED,
            "validation",
            _DRIFT,
        ),
        PublishedRow(
            "MMIN", "wa", (56.58, 52.52, 66.57, 63.99, 72.94, 71.67, 64.05), _PRIMD, "validation"
        ),
        PublishedRow(
            "MMIN", "ua", (59.00, 50.60, 68.02, 63.43, 71.14, 68.61, 63.47), _PRIMD, "validation"
        ),
        PublishedRow(
            "CIF-MMIN",
            "wa",
            (56.25, 53.33, 68.04, 65.69, 74.27, 73.17, 65.13),
            _SCRIPT,
            "validation",
        ),
        PublishedRow(
            "CIF-MMIN",
            "ua",
            (58.44, 51.34, 69.26, 66.85, 75.65, 73.98, 65.92),
            _SCRIPT,
            "validation",
        ),
        PublishedRow(
            "CIF-MMIN",
            "wa",
            (57.53, 53.46, 67.22, 64.99, 74.19, 72.40, 64.97),
            _PRIMD,
            "validation",
        ),
        PublishedRow(
            "GCNet", "wa", (65.58, 57.96, 72.33, 67.40, 77.02, 75.63, 69.32), _PRIMD, "test", _OTHER
        ),
        PublishedRow(
            "MoMKE", "wa", (69.53, 56.80, 77.30, 68.57, 79.03, 75.55, 71.13), _PRIMD, "test", _OTHER
        ),
        PublishedRow(
            "HARDY-MER", "wa", (72.65, 63.19, 82.49, 74.19, 81.67, 79.18, 75.56), _PRIMD, "test"
        ),
        PublishedRow(
            "PriMD", "wa", (73.82, 64.77, 84.13, 75.06, 83.65, 83.17, 77.43), "paper", "unknown"
        ),
    ),
    caption=(
        "Audio (a), visual (v) and text (t) present. Features, folds and training differ from ours "
        "and between rows; figures whose epoch was picked on test data are not comparable with any "
        "other. NMER's and IF-MMIN's own tables were not at hand. Columns of PriMD's reprint were "
        "assigned by matching known values."
    ),
)


def published_for(corpus: str, classes: Sequence[str]) -> tuple[PublishedTable, ...]:
    """Return the figures there are for a corpus, known by its name and number of classes."""
    return (IEMOCAP,) if "iemocap" in corpus.lower() and len(classes) == 4 else ()
