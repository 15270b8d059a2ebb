"""A cluster of this machine: one process a device. No GPU is needed to see who is given what."""

import os

import pytest
from distributed import Client

from merbench.execution.cluster.agenda import Agenda
from merbench.execution.cluster.campaign import Campaign
from merbench.execution.cluster.hosts import Hosts
from merbench.execution.cluster.machine import GPU, devices, own_cluster
from merbench.execution.cost import Costs
from merbench.execution.engine import Work
from merbench.execution.plan import make_plan
from merbench.execution.sharing import shared
from merbench.store.store import Store
from merbench.suite.load import load_suite


@pytest.mark.parametrize(
    ("count", "environment", "expected"),
    [
        (0, {}, ()),
        (2, {}, ("0", "1")),
        (2, {"CUDA_VISIBLE_DEVICES": "3, 7"}, ("3", "7")),
        (1, {"CUDA_VISIBLE_DEVICES": "GPU-1f,GPU-2e"}, ("GPU-1f",)),
        (0, {"CUDA_VISIBLE_DEVICES": ""}, ()),
    ],
)
def test_devices_are_named_as_this_process_sees_them(count, environment, expected):
    assert devices(count, environment) == expected


@pytest.mark.slow
def test_each_process_sees_one_device_and_is_given_tasks_that_ask_for_one(merbench, tmp_path):
    """The tasks themselves are the CPU's: what is shown is where they go."""
    plan = make_plan(load_suite(merbench.suite()))
    store = Store(tmp_path / "run")
    work = Work(plan.protocol, store, plan.folds, plan.stages, plan.cells)
    with (
        own_cluster(3, ["3", "7"]) as cluster,
        Client(cluster.scheduler_address, set_as_default=False) as client,
        shared(plan.protocol, tmp_path) as protocol,
    ):
        client.wait_for_workers(2, timeout=100)
        seen = client.run(lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))
        assert sorted(seen.values()) == ["3", "7"]
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        assert [(w["resources"], w["nthreads"]) for w in workers] == [({GPU: 1}, 1)] * 2
        hosts = Hosts(client, work, protocol, GPU)
        campaign = Campaign(client, work, Agenda(work, Costs()), hosts, GPU)
        ended = [(outcome.error, hosts.seats) for outcome in campaign.outcomes()]
    assert ended == [(None, 2)] * (len(plan.stages) + len(plan.cells))
    assert all(store.cell_record(cell.folder, cell.key) for cell in plan.cells)
