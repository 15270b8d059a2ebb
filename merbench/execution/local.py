"""The engine of one machine: this process, or several workers of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from merbench.execution.engine import Work, needs
from merbench.execution.protocol import Protocol
from merbench.execution.sharing import shared
from merbench.execution.tasks import Outcome
from merbench.execution.worker import outcomes


@dataclass(frozen=True)
class LocalEngine:
    """Does tasks in processes of this machine.

    Attributes:
        jobs: how many tasks run at once.
    """

    jobs: int

    @property
    def width(self) -> int:
        """How many tasks run at once."""
        return self.jobs

    def outcomes(self, work: Work) -> Generator[Outcome, None, None]:
        """Do the work in waves; see `Engine`."""
        waves = list(work.waves())
        failed: set[str] = set()
        with self._shared(work, max(map(len, waves))) as protocol:
            for wave in waves:
                ready = [task for task in wave if failed.isdisjoint(needs(task))]
                # What is left out fails what needs it in its turn.
                failed |= {task.folder for task in wave} - {task.folder for task in ready}
                # Closed at once where the run is interrupted: closing is what stops the workers.
                with closing(
                    outcomes(ready, self.jobs, protocol, work.store, work.deadline)
                ) as ended:
                    for outcome in ended:
                        if outcome.error is not None:
                            failed.add(outcome.folder)
                        yield outcome

    def _shared(self, work: Work, widest: int) -> AbstractContextManager[Protocol]:
        """Lay the corpus out for the workers once, however many waves of tasks they are given."""
        if min(self.jobs, widest) < 2:
            return nullcontext(work.protocol)
        return shared(work.protocol, work.store.root)
