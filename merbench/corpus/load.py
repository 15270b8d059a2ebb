"""From `READER:PATH`, `PATH` or `synthetic` to a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from merbench import registry
from merbench.config import Config
from merbench.corpus.corpus import Corpus
from merbench.corpus.readers.base import PathConfig, Reader
from merbench.errors import ConfigError, CorpusError, did_you_mean


class CorpusSpec(NamedTuple):
    """A corpus as the command line names it: the reader, and the path where it reads from one."""

    reader: str
    path: Path | None


def load_corpus(spec: str | Path, **options: Any) -> Corpus:
    """Load a corpus.

    Args:
        spec: `READER:PATH`, a path whose layout the readers recognise, or `synthetic`.
        options: settings of the reader, for example `ids`, `kinds` or `seed`.

    Raises:
        ConfigError: no such reader, or settings it does not have.
        CorpusError: the corpus cannot be found or read.

    Example:
        >>> import merbench
        >>> corpus = merbench.load_corpus("synthetic", utterances=60)
        >>> len(corpus), corpus.names, corpus.classes
        (60, ('audio', 'visual', 'text'), ('angry', 'happy', 'neutral', 'sad'))
    """
    return read(*configured(spec, **options))


class ConfiguredReader(NamedTuple):
    """A reader by name, and its settings."""

    reader: str
    config: Config


def configured(spec: str | Path, **options: Any) -> ConfiguredReader:
    """Find the reader of a corpus and give it its settings; see `load_corpus`."""
    reader, path = parse_spec(spec)
    if path is not None:
        options = {"path": path, **options}
    return ConfiguredReader(reader, configure(reader, **options))


def parse_spec(spec: str | Path) -> CorpusSpec:
    """Take a corpus specification apart; a path without a reader is looked at.

    Raises:
        ConfigError: the reader is unknown, lacks a path or takes none.
        CorpusError: nothing is at the path, or not exactly one reader recognises it.
    """
    if isinstance(spec, Path):
        return CorpusSpec(_detected(spec), spec)
    readers = registry.names("readers")
    if spec in readers and not Path(spec).exists():
        if issubclass(reader_class(spec).Config, PathConfig):
            raise ConfigError(f"corpus {spec!r}: this reader needs a path, {spec}:PATH")
        return CorpusSpec(spec, None)
    name, colon, path = spec.partition(":")
    if colon and name in readers:
        return _with_path(name, path)
    if not colon or Path(spec).exists():
        return CorpusSpec(_detected(Path(spec)), Path(spec))
    if ":" in path:
        # package.module:Name:PATH, a reader that no entry point names.
        class_name, _, path = path.partition(":")
        return _with_path(f"{name}:{class_name}", path)
    raise ConfigError(
        f"corpus {spec!r}: no such path, and no reader {name!r}; {did_you_mean(name, readers)}"
    )


def configure(reader: str, **options: Any) -> Config:
    """Check settings against what a reader takes.

    Raises:
        ConfigError: naming the reader, the setting and the nearest valid one.
    """
    settings = reader_class(reader).Config
    for name in options:
        if name not in settings.model_fields:
            raise ConfigError(
                f"reader {reader!r} has no setting {name!r}; "
                f"{did_you_mean(name, settings.model_fields)}"
            )
    try:
        return settings(**options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"reader {reader!r}, setting {where!r}: {first['msg']}; found {first['input']!r}"
        ) from error


def read(reader: str, config: Config) -> Corpus:
    """Read a corpus with a registered reader and its own settings.

    Raises:
        ConfigError: no such reader, or settings of another one.
        CorpusError: the corpus cannot be read.
    """
    found = reader_class(reader)
    if not isinstance(config, found.Config):
        raise ConfigError(
            f"reader {reader!r} takes {found.Config.__name__}, not {type(config).__name__}"
        )
    return found.read(config)


def recognised_by(path: Path) -> tuple[str, ...]:
    """Return the names of the readers that recognise what is at `path`, sorted.

    One that is broken recognises nothing, and does not stop the others.
    """
    readers = registry.loadable("readers")
    return tuple(name for name in readers if reader_class(name).detect(path))


def reader_class(name: str) -> type[Reader[Any]]:
    """Return the reader of a name, or the one that an import path points to.

    Raises:
        ConfigError: there is none, or it is broken.
    """
    found: type[Reader[Any]] = registry.load("readers", name)
    return found


def _with_path(reader: str, path: str) -> CorpusSpec:
    if not path:
        raise ConfigError(f"corpus {reader + ':'!r}: a path is missing after the colon")
    if not issubclass(reader_class(reader).Config, PathConfig):
        raise ConfigError(f"corpus {f'{reader}:{path}'!r}: reader {reader!r} takes no path")
    return CorpusSpec(reader, Path(path))


def _detected(path: Path) -> str:
    if not path.exists():
        raise CorpusError(
            f"{path}: no such file or folder; a corpus is READER:PATH, PATH or synthetic"
        )
    found = recognised_by(path)
    if len(found) == 1:
        return found[0]
    if not found:
        faults = [registry.fault("readers", name) for name in registry.names("readers")]
        broken = "".join(f"; {fault}" for fault in faults if fault is not None)
        raise CorpusError(
            f"{path}: no reader recognises this layout; readers: "
            f"{', '.join(registry.loadable('readers'))}{broken}"
        )
    raise CorpusError(
        f"{path}: {' and '.join(found)} recognise this; say which, for example {found[0]}:{path}"
    )
