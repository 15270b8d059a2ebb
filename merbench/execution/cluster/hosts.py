"""The workers of a cluster, as the run meets them: checked, told, and given the corpus once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from distributed import Client

from merbench.errors import ConfigError
from merbench.execution.cluster import host
from merbench.execution.cluster.parcel import Parcel, parcel, pieces
from merbench.execution.cluster.passport import Passport, classes_of, in_words, passport
from merbench.execution.engine import Work
from merbench.execution.protocol import Protocol

_GOODBYE = 2.0
_LOOK = 0.5


class Hosts:
    """Every worker that takes part.

    Args:
        client: of the cluster.
        work: what is to be done.
        protocol: what tasks share; its corpus lies in files.
        resource: that a worker must offer to be given tasks, None where any will do.
    """

    def __init__(
        self, client: Client, work: Work, protocol: Protocol, resource: str | None
    ) -> None:
        self._client, self._resource = client, resource
        self._classes = classes_of(work)
        self._passport = passport(self._classes)
        self.parcel: Parcel = parcel(f"run-{uuid.uuid4().hex}", protocol)
        self._told_of: set[str] = set()
        self._seats, self._looked = 0, -_LOOK

    @property
    def token(self) -> str:
        """Of the run."""
        return self.parcel.token

    @property
    def seats(self) -> int:
        """How many tasks the cluster does at once, as far as is known."""
        return self._seats

    def check_scheduler(self) -> None:
        """Make sure that the scheduler can read what it passes on.

        Raises:
            ConfigError: it has no merbench, or not the extra's packages.
        """
        try:
            self._client.run_on_scheduler(passport, ())
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"the scheduler cannot use merbench ({_reason(error)}); install there what is "
                "installed here"
            ) from error

    def meet(self) -> None:
        """See who is there, now and then, and make every worker ready that does not know the run.

        Raises:
            ConfigError: see `_greet`; or no worker offers the resource that tasks need.
        """
        if time.monotonic() - self._looked < _LOOK:
            return
        found = self._workers()
        offered = [worker.get("resources", {}).get(self._resource, 0) for worker in found.values()]
        self._seats = len(found) if self._resource is None else int(sum(offered))
        if found and not self._seats:
            raise ConfigError(
                f"none of the {len(found)} workers offers the resource {self._resource}; start "
                f"one for each device: CUDA_VISIBLE_DEVICES=0 dask worker ADDRESS --nthreads 1 "
                f"--resources {self._resource}=1"
            )
        new = [address for address in found if address not in self._told_of]
        if new:
            self._greet(new)
        self._looked = time.monotonic()

    def _greet(self, addresses: Sequence[str]) -> None:
        """Make workers ready for tasks.

        Raises:
            ConfigError: a worker has other code or versions than this process.
        """
        answers = self._on(addresses, passport, self._classes)
        for address, answer in answers.items():
            if isinstance(answer, Passport):
                differences = self._passport.differences(answer)
            else:
                differences = [f"merbench cannot be used there ({_reason(answer)})"]
            if differences:
                raise ConfigError(
                    f"worker {address} is refused, since results would depend on which worker "
                    f"made them: {in_words(differences)}; install there what is installed here"
                )
        lacking = self._told([*answers])
        for piece in pieces(self.parcel) if lacking else ():
            self._on(lacking, host.receive, self.parcel.fingerprint, piece)
        unhappy = self._told(lacking) if lacking else []
        # One that went away meanwhile is no concern; one that stays and cannot read is.
        stay = [address for address in unhappy if address in self._workers()]
        if stay:
            raise ConfigError(
                f"worker {stay[0]}: what it received is not the corpus that was sent; has its "
                "disk room for it?"
            )

    def close(self) -> None:
        """Have every worker finish what it is at, and begin no more."""
        self._on([*self._told_of & self._workers().keys()], host.close, self.token)

    def part(self) -> None:
        """Leave nothing of the run with any worker; one that is busy hears of it later."""
        there = [*self._told_of & self._workers().keys()] if self._connected() else []
        if there:
            with suppress(TimeoutError, OSError):
                self._client.sync(
                    self._client._run,
                    host.leave,
                    self.parcel,
                    workers=there,
                    on_error="ignore",
                    callback_timeout=_GOODBYE,
                )

    def _connected(self) -> bool:
        return bool(self._client.status == "running")

    def _told(self, addresses: Sequence[str]) -> list[str]:
        """Tell workers of the run; return those that lack its corpus.

        Raises:
            ConfigError: a worker cannot take it.
        """
        self._told_of.update(addresses)
        answers = self._on(addresses, host.take_in, self.parcel)
        for address, answer in answers.items():
            if not isinstance(answer, bool):
                raise ConfigError(f"worker {address} cannot take the run: {_reason(answer)}")
        return [address for address, answer in answers.items() if not answer]

    def _on(
        self, addresses: Sequence[str], function: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        """Call a function on workers at once; return answers, or errors, of those still there."""
        answers = self._client.run(function, *arguments, workers=[*addresses], on_error="return")
        # What goes wrong there is another error: this is the way there.
        return {
            address: answer
            for address, answer in answers.items()
            if not isinstance(answer, OSError)
        }

    def _workers(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return found


def _reason(answer: object) -> str:
    return f"{type(answer).__name__}: {answer}"
