"""The engine that does tasks with the workers of a Dask cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from distributed import Client

from merbench.errors import ConfigError
from merbench.execution.cluster.agenda import Agenda
from merbench.execution.cluster.campaign import Campaign
from merbench.execution.cluster.hosts import Hosts
from merbench.execution.cluster.machine import GPU, devices, own_cluster
from merbench.execution.cost import Costs
from merbench.execution.engine import Work
from merbench.execution.sharing import shared
from merbench.execution.tasks import Outcome

_CONNECT = "10 s"
_PARTING = 2.0


@dataclass
class DaskEngine:
    """Does tasks on a cluster; what comes back is stored by this process alone.

    Attributes:
        workers: processes of a cluster of its own.
        scheduler: address of a cluster that is there, None for one of its own.
        costs: of tasks, to give out long ones first.
    """

    workers: int
    scheduler: str | None = None
    costs: Costs = field(default_factory=Costs)
    _seats: int = 0

    @property
    def width(self) -> int:
        """How many tasks run at once."""
        return max(self._seats, 1) if self.scheduler else self.workers

    def outcomes(self, work: Work) -> Generator[Outcome, None, None]:
        """Do the work; see `Engine`.

        Raises:
            ConfigError: no scheduler answers, or a worker has other code or no GPU.
            IncompleteError: the scheduler is gone.
        """
        resource = GPU if work.protocol.device.startswith("cuda") else None
        with (
            shared(work.protocol, work.store.root) as protocol,
            self._connected(resource) as client,
        ):
            hosts = Hosts(client, work, protocol, resource)
            campaign = Campaign(client, work, Agenda(work, self.costs), hosts, resource)
            for outcome in campaign.outcomes():
                self._seats = hosts.seats
                yield outcome

    @contextmanager
    def _connected(self, resource: str | None) -> Iterator[Client]:
        with ExitStack() as stack:
            address = self.scheduler
            if address is None:
                gpus = devices(torch.cuda.device_count(), os.environ) if resource else ()
                address = stack.enter_context(own_cluster(self.workers, gpus)).scheduler_address
            # What it has to say of a lost scheduler, the run says itself.
            logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
            try:
                client = Client(address, timeout=_CONNECT, set_as_default=False, name="merbench")
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"--scheduler {address}: no Dask scheduler answers there ({error})"
                ) from error
            stack.callback(client.close, timeout=_PARTING)
            yield client
