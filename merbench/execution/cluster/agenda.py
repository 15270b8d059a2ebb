"""What may be done next: stages before what needs them, and the longest first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from merbench.execution.cost import Costs
from merbench.execution.engine import Task, Work, needs
from merbench.execution.plan import StageTask
from merbench.execution.together import units


@dataclass
class Errand:
    """Tasks that are given to a worker together.

    Attributes:
        number: tells it from every other, in the order in which a worker best does them.
        tasks: one, or a fleet's; fewer once a stage of some has failed.
        seconds: expected.
        lacks: keys of stages that are not there yet.
        tries: how often it was given to a worker.
        suspect: workers died while it was in their hands.
    """

    number: int
    tasks: tuple[Task, ...]
    seconds: float
    lacks: set[str] = field(default_factory=set)
    tries: int = 0
    suspect: bool = False

    @property
    def stages(self) -> tuple[str, ...]:
        """Keys of the stages that its tasks start from."""
        return tuple(dict.fromkeys(key for task in self.tasks for key in needs(task)))

    @property
    def rank(self) -> tuple[bool, int, int]:
        """What comes first: stages, since others wait for them, then what takes long.

        Within a factor of two the order is that in which a division is prepared once.
        """
        cells = not isinstance(self.tasks[0], StageTask)
        return cells, -math.floor(math.log2(max(self.seconds, 1e-3))), self.number


class Agenda:
    """All errands of a run that are in no one's hands.

    Args:
        work: what is to be done.
        costs: measured so far.
    """

    def __init__(self, work: Work, costs: Costs) -> None:
        waves = (units(wave, work.protocol.fleet) for wave in work.waves())
        pieces = [piece for wave in waves for piece in wave]
        expected = {stage.key for stage in work.stages}
        self._ready: list[tuple[tuple[bool, int, int], Errand]] = []
        self._suspects: list[Errand] = []
        self._waiting: dict[str, list[Errand]] = {}
        for number, tasks in enumerate(pieces):
            errand = Errand(number, tuple(tasks), costs.total(tasks))
            errand.lacks = expected.intersection(errand.stages)
            for key in errand.lacks:
                self._waiting.setdefault(key, []).append(errand)
            if not errand.lacks:
                self.put(errand)

    def put(self, errand: Errand) -> None:
        """Let an errand be given to a worker, again or for the first time."""
        if errand.suspect:
            self._suspects.append(errand)
        else:
            heapq.heappush(self._ready, (errand.rank, errand))

    def next(self, *, alone: bool) -> Errand | None:
        """Return what is to be done next, None where nothing can be.

        A suspect is given out only where no other errand is: whose fault it is shows then.

        Args:
            alone: no errand is in anyone's hands.
        """
        if self._ready:
            return heapq.heappop(self._ready)[1]
        return self._suspects.pop(0) if alone and self._suspects else None

    def is_there(self, key: str) -> None:
        """Let go what waited for a stage."""
        self._free(self._waiting.pop(key, ()), key)

    def failed(self, key: str) -> None:
        """Drop the tasks that need a stage which cannot be had, and those that need them."""
        lost = [key]
        while lost:
            key = lost.pop()
            waiting = self._waiting.pop(key, [])
            for errand in waiting:
                orphans = [task for task in errand.tasks if key in needs(task)]
                errand.tasks = tuple(task for task in errand.tasks if task not in orphans)
                lost += [task.folder for task in orphans]
            self._free(waiting, key)

    def _free(self, errands: Iterable[Errand], key: str) -> None:
        for errand in errands:
            errand.lacks.discard(key)
            if errand.tasks and not errand.lacks:
                self.put(errand)


def apart(errand: Errand) -> Iterator[Errand]:
    """Yield an errand's tasks one by one: together they do not tell which of them is at fault."""
    share = errand.seconds / len(errand.tasks)
    for task in errand.tasks:
        yield Errand(errand.number, (task,), share, suspect=True)
