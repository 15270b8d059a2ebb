"""What is wrong with a corpus: raised at the first problem, or gathered to the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from merbench.errors import CorpusError


class ProblemError(CorpusError):
    """One thing that is wrong.

    Attributes:
        kind: the sort of problem, such as `duplicate id`, for counting.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])


def located(where: str | Path, error: CorpusError) -> CorpusError:
    """Return the error with the place it concerns before it."""
    return ProblemError(kind_of(error), f"{where}: {error}") if str(where) else error


def kind_of(error: CorpusError) -> str:
    """Return the sort of problem an error is."""
    return error.kind if isinstance(error, ProblemError) else "other"


class Problems:
    """Where a reader tells what it finds wrong. This one raises the first: how corpora are read.

    Attributes:
        found: what was told and not raised.
        notes: what is no problem, and yet worth knowing.
        thorough: True where everything is to be checked, however long it takes.
    """

    thorough = False

    def __init__(self) -> None:
        self.found: list[CorpusError] = []
        self.notes: list[str] = []

    def add(self, problem: CorpusError) -> None:
        """Tell of a problem after which the reader can go on."""
        raise problem

    def fail(self, problems: Sequence[CorpusError]) -> None:
        """Tell of problems after which this part cannot go on, and leave it; nothing where none."""
        for problem in problems[:-1]:
            self.add(problem)
        if problems:
            raise problems[-1]

    def note(self, text: str) -> None:
        """Tell what is worth knowing."""
        self.notes.append(text)

    @contextmanager
    def part(self, where: str | Path = "") -> Iterator[Problems]:
        """Read something that others do not depend on: a failure in it ends it alone.

        Args:
            where: said before each problem of the part, such as a file.

        Yields:
            Where the part's own problems are told.
        """
        inner = type(self)()
        failure: list[CorpusError] = []
        try:
            yield inner
        except SettledError:
            pass
        except CorpusError as error:
            failure.append(error)
        self.notes += inner.notes
        for problem in [*inner.found, *failure]:
            self.add(located(where, problem))

    def settle(self) -> None:
        """Leave where something was found: the next step would build on it."""
        if self.found:
            raise SettledError


class CollectedProblems(Problems):
    """Gathers every problem: how corpora are checked."""

    thorough = True

    def add(self, problem: CorpusError) -> None:
        """Keep the problem."""
        self.found.append(problem)


class SettledError(CorpusError):
    """All that is wrong was told already."""
