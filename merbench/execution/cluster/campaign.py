"""A run on a cluster: errands go out a few at a time, what comes back is stored here."""

from __future__ import annotations

import pickle
import queue
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client, Future
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.scheduler import KilledWorker

from merbench.errors import CellError, IncompleteError
from merbench.execution.cluster import host
from merbench.execution.cluster.agenda import Agenda, Errand, apart
from merbench.execution.cluster.host import Ended, Unready
from merbench.execution.cluster.hosts import Hosts
from merbench.execution.cluster.stages import LentStages
from merbench.execution.engine import Work
from merbench.execution.plan import CellTask
from merbench.execution.tasks import Outcome
from merbench.store.packed import unpack

_DIED = (
    "{workers} worker processes died while they were at it: out of memory, or a crash in native "
    "code"
)
_GONE = (
    "the connection to the Dask scheduler is lost; what was done is kept, and the same command "
    "goes on once a scheduler is there"
)
_LOST = "the cluster gave it up {tries} times without a word why"
_POLL = 0.5
# The next errand is there before the last one ends, and a cluster that grows by need sees the need.
# More would be bound to workers too early, and would make what lies with the scheduler grow.
_AT_FIRST, _AHEAD = 16, 2
_TRIES = 50
Result = list[Ended] | Unready
_Future = Future[Any]


@dataclass(frozen=True)
class _Given:
    """An errand in a worker's hands."""

    errand: Errand
    stages: tuple[str, ...]


class Campaign:
    """Does all work of a run with the workers of a cluster.

    Args:
        client: of the cluster.
        work: what is to be done.
        agenda: in which order.
        hosts: the workers.
        resource: that each errand takes one of, None where it takes none.
    """

    def __init__(
        self, client: Client, work: Work, agenda: Agenda, hosts: Hosts, resource: str | None
    ) -> None:
        self._client, self._work, self._agenda, self._hosts = client, work, agenda, hosts
        self._resources = None if resource is None else {resource: 1}
        self._stages = LentStages(client, work.store, hosts.token)
        self._given: dict[_Future, _Given] = {}
        self._ended: queue.SimpleQueue[_Future] = queue.SimpleQueue()
        self._sent = 0
        self._closed = False

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield outcomes as they come, until nothing can be done any more.

        Raises:
            ConfigError: a worker has other code.
            IncompleteError: the scheduler is gone.
        """
        try:
            self._hosts.check_scheduler()
            yield from self._hand_out()
            while self._given:
                yield from self._collect(self._next())
                yield from self._hand_out()
        except (OSError, ClosedClientError) as error:
            # What the store has to say is an outcome; this came over the network.
            raise IncompleteError(_GONE) from error
        finally:
            self._abandon()

    def _hand_out(self) -> Iterator[Outcome]:
        """Fill the window; an errand whose stages cannot be read ends here."""
        self._hosts.meet()
        if self._over():
            return
        window = _AHEAD * self._hosts.seats + 1 if self._hosts.seats else _AT_FIRST
        while len(self._given) < window:
            errand = self._agenda.next(alone=not self._given)
            if errand is None:
                return
            try:
                self._give(errand)
            except OSError as error:
                text = f"a stage that it needs cannot be read: {error}"
                yield from self._fail(errand, text)

    def _give(self, errand: Errand) -> None:
        errand.tries += 1
        self._sent += 1
        lent: list[_Future] = []
        keys: list[str] = []
        try:
            for key in errand.stages:
                lent.append(self._stages.lend(key))
                keys.append(key)
        except OSError:
            self._stages.give_back(keys)
            raise
        name = f"{errand.tasks[0].folder}-{self._sent}-{self._hosts.token}"
        # Sends what a task needs and nothing else: no copy of it is larger than it must be.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            future = self._client.submit(
                host.work,
                self._hosts.token,
                # Sealed: the scheduler opens what it is sent, and need not have users' methods.
                pickle.dumps(errand.tasks),
                *lent,
                key=name,
                pure=False,
                resources=self._resources,
            )
        self._given[future] = _Given(errand, tuple(keys))
        future.add_done_callback(self._ended.put)

    def _next(self) -> _Future:
        while True:
            try:
                return self._ended.get(timeout=_POLL)
            except queue.Empty:
                self._check_scheduler()
                self._hosts.meet()
                self._over()

    def _over(self) -> bool:
        """Say whether the deadline has passed; the workers are told when it has."""
        if self._work.deadline.passed and not self._closed:
            self._hosts.close()
            self._closed = True
        return self._closed

    def _check_scheduler(self) -> None:
        if self._client.status != "running":
            raise IncompleteError(_GONE)

    def _collect(self, future: _Future) -> Iterator[Outcome]:
        given = self._given.pop(future)
        try:
            result: Result = future.result()
        except KilledWorker as error:
            yield from self._bury(given.errand, error.allowed_failures + 1)
        except (FutureCancelledError, OSError):
            self._check_scheduler()
            yield from self._again(given.errand)
        except Exception as error:
            details = "".join(traceback.format_exception(error))
            yield from self._fail(given.errand, f"{type(error).__name__}: {error}", details)
        else:
            if isinstance(result, Unready) or not result:
                yield from self._again(given.errand)
            else:
                yield from map(self._keep, given.errand.tasks, result)
        finally:
            self._stages.give_back(given.stages)
            future.release()

    def _keep(self, task: Any, ended: Ended) -> Outcome:
        """Store what a task has made."""
        outcome = ended.outcome
        if ended.made is not None:
            store = self._work.store
            parent = store.cells if isinstance(task, CellTask) else store.stages
            try:
                unpack(ended.made, parent)
            except (CellError, OSError) as error:
                text = f"cannot be stored: {error}"
                outcome = Outcome(task.folder, outcome.seconds, text)
        if outcome.error is None:
            self._agenda.is_there(task.folder)
        else:
            self._agenda.failed(task.folder)
        return outcome

    def _again(self, errand: Errand) -> Iterator[Outcome]:
        if self._over():
            return
        if errand.tries >= _TRIES:
            yield from self._fail(errand, _LOST.format(tries=errand.tries))
        else:
            self._agenda.put(errand)

    def _bury(self, errand: Errand, workers: int) -> Iterator[Outcome]:
        """Settle an errand whose workers died; others were in their hands, too, at first."""
        if errand.suspect:
            yield from self._fail(errand, _DIED.format(workers=workers))
        else:
            for single in apart(errand):
                self._agenda.put(single)

    def _fail(self, errand: Errand, text: str, details: str | None = None) -> Iterator[Outcome]:
        for task in errand.tasks:
            self._agenda.failed(task.folder)
            yield Outcome(task.folder, 0.0, text, details)

    def _abandon(self) -> None:
        """Leave no task and no data with the cluster."""
        if self._client.status == "running" and self._given:
            self._client.cancel([*self._given], force=True)
        for future in self._given:
            future.release()
        self._hosts.part()
