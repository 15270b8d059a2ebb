"""Writing a corpus in a layout that others read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from merbench.corpus.corpus import Corpus
from merbench.corpus.layouts.belongs import strangers
from merbench.corpus.layouts.mmin import write_mmin
from merbench.corpus.layouts.mmsa import write_mmsa
from merbench.corpus.layouts.native import write_native
from merbench.corpus.layouts.npy_dir import write_npy_dir
from merbench.corpus.layouts.table import write_table
from merbench.corpus.load import configure, read
from merbench.corpus.problems import located
from merbench.errors import ConfigError, CorpusError
from merbench.store.fresh import fresh_folder

Writer = Callable[[Corpus, Path, str | None], None]
LAYOUTS: dict[str, Writer] = {
    "table": write_table,
    "npy_dir": write_npy_dir,
    "mmsa": write_mmsa,
    "mmin": write_mmin,
    "native": write_native,
}


def write_corpus(
    corpus: Corpus,
    folder: Path,
    layout: str,
    *,
    ids: str | None = None,
    replace: bool = False,
    source: Path | None = None,
) -> tuple[str, ...]:
    """Write a corpus into a folder of its own; a write that fails leaves no trace.

    What was written is read back before it takes its place.

    Args:
        corpus: what to write.
        folder: where; must be new or empty.
        layout: a name in `LAYOUTS`.
        ids: the pattern on the ids that tells the groups, for a layout that has no place for them.
        replace: put the new corpus in the place of the one that is there; only where every file in
            the folder belongs to that one.
        source: where the corpus was read from; never written over, nor into.

    Returns:
        What the layout could not hold; nothing where the corpus is the same, fingerprint and folds.

    Raises:
        ConfigError: the folder holds something, and `replace` is not set or it is more than a
            corpus; or it is the source, is in it or around it.
        CorpusError: the layout cannot hold this corpus.
    """
    if source is not None:
        _keep_apart(folder, source)
    with fresh_folder(folder, "a corpus", strangers, replace=replace) as fresh:
        LAYOUTS[layout](corpus, fresh, ids)
        try:
            back = read(layout, configure(layout, path=fresh))
        except CorpusError as error:
            reason = str(error).replace(str(fresh), str(folder))
            raise located(
                f"the {layout} layout cannot hold corpus {corpus.name!r}", CorpusError(reason)
            ) from error
        return tuple(_differences(corpus, back))


def _keep_apart(folder: Path, source: Path) -> None:
    place, origin = folder.resolve(), source.resolve()
    for where, found in (
        ("is", place == origin),
        ("lies in", origin in place.parents),
        ("holds", place in origin.parents),
    ):
        if found:
            what = f"{where} {source}, which the corpus is read from"
            raise ConfigError(f"{folder}: {what}; use another --out")


def _differences(corpus: Corpus, back: Corpus) -> Iterator[str]:
    """Say in what a corpus that was read back is another one."""
    if back.fingerprint != corpus.fingerprint:
        for what, before, after in (
            ("the order of the utterances", corpus.utterances, back.utterances),
            ("the classes", corpus.classes, back.classes),
            ("the modalities", corpus.names, back.names),
            ("the kinds", [m.kind for m in corpus.modalities], [m.kind for m in back.modalities]),
        ):
            if before != after:
                yield what
        for name in sorted({*corpus.groups, *back.groups}):
            columns = [c.groups[name].tolist() for c in (corpus, back) if name in c.groups]
            if len(columns) < 2 or columns[0] != columns[1]:
                yield f"the {name}s"
    if corpus.predefined and _folds(back) != _folds(corpus):
        yield f"its {len(corpus.predefined)} predefined folds"


def _folds(corpus: Corpus) -> list[list[list[int]]]:
    return [
        [sorted(part.tolist()) for part in (fold.train, fold.valid, fold.test)]
        for fold in corpus.predefined
    ]
