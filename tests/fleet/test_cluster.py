"""Commits on workers of a real Dask cluster, some of which die."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from agent_perf.errors import BrokenError, UsageError
from agent_perf.fleet import ClusterAddress
from agent_perf.fleet.connection import connected
from agent_perf.records import Tier
from agent_perf.suite import Event
from tests.fleet.conftest import Shop, events_of, runs_of
from tests.shop import write

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    # Dask's own, at its end: sockets of processes that it has killed.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

# The rehearsal asks once: it is the second request that kills the worker of Dask, which is
# above the process that measures.
KILLER = """\
import os, signal
from agent_perf import scenario

def dask_worker(pid):
    while b"spawn_main" not in open(f"/proc/{pid}/cmdline", "rb").read():
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    return pid

WORKER = dask_worker(os.getpid())

@scenario("shop.killer", users=(1,), requests=2)
async def killer(world):
    async def request(ask):
        if ask.index:
            os.kill(WORKER, signal.SIGKILL)
        await world.tool("kill")
    yield request
"""


@pytest.fixture(scope="module")
def processes() -> Iterator[distributed.LocalCluster]:
    """Give two workers, each of one task, which are started again if they die."""
    with connected(ClusterAddress(worker_count=2)) as client:
        yield client.cluster


def blind() -> None:
    """Make a worker see no folder of the client's, as on another machine."""
    from agent_perf.fleet import source

    source._digest = lambda folder: ""


def other_python() -> None:
    """Make a worker seem to run another Python."""
    from dataclasses import replace

    from agent_perf.fleet import likeness, station

    unlike = replace(likeness.installation(), python="CPython 3.99")
    station.installation = lambda: unlike


def alike_again() -> None:
    from agent_perf.fleet import likeness, station

    station.installation = likeness.installation


def test_a_cluster_comes_to_the_same_bytes(shop: Shop, processes, tmp_path) -> None:
    """Runs of a worker are those of this machine, to the last byte; the files were sent."""
    with distributed.Client(processes, set_as_default=False) as client:
        client.run(blind)
        with shop.open(processes.scheduler_address) as cluster:
            there = [runs_of(events_of(cluster, one)) for one in shop.commits]
            folders = client.run(_kept_count)

    here = [shop.here(index, tmp_path / str(index)) for index in range(2)]
    assert here == there
    assert 2 == len(here[0])
    assert [1, 1] == list(folders.values())
    assert [] == shop.said


def _kept_count(dask_worker) -> int:
    from pathlib import Path

    return len(list(Path(dask_worker.local_directory, "agent-perf").iterdir()))


def test_a_worker_that_differs_is_left_out_by_name(shop: Shop, processes) -> None:
    """It gets no work; and if no other is there, nothing is begun."""
    with distributed.Client(processes, set_as_default=False) as client:
        first, second = client.scheduler_info(n_workers=-1)["workers"]
        client.run(other_python, workers=[first])
        try:
            with shop.open(processes.scheduler_address) as cluster:
                assert 1 == cluster.seat_count
            assert ["is left out, for its results would differ: CPython 3.99 instead of"] == [
                line.partition(") ")[2].rpartition(" CPython")[0] for line in shop.said
            ]
            client.run(other_python, workers=[second])
            with (
                pytest.raises(UsageError, match="no worker of .* can measure"),
                shop.open(processes.scheduler_address),
            ):
                pass
        finally:
            client.run(alike_again)


def test_a_lost_worker_loses_nothing(shop: Shop, processes, tmp_path) -> None:
    """What was told stays, the rest is measured elsewhere, and all of it once."""
    with (
        distributed.Client(processes, set_as_default=False) as client,
        shop.open(processes.scheduler_address) as cluster,
    ):
        events: list[Event] = []
        for event in cluster.measure(
            shop.commits[1],
            stored=(),
            only=(),
            cpu=None,
            tier=Tier.CLIENT,
            stop=threading.Event(),
        ):
            events.append(event)
            if [event.kind, *event.names] == ["started", "shop.answer@5"] and len(
                [one for one in events if one.kind == "started"]
            ) == 2:
                for pid in _busy(client):
                    os.kill(pid, signal.SIGKILL)

    assert shop.here(1, tmp_path / "here") == runs_of(events)
    assert ["shop.answer@1", "shop.answer@5"] == [
        event.names[0] for event in events if event.kind == "run"
    ]
    assert [] == [event for event in events if event.failure]


def _busy(client) -> list[int]:
    pids = client.run(os.getpid)
    return [pids[address] for address, keys in client.processing().items() if keys]


def test_a_full_disk_is_one_workers_trouble(shop: Shop, processes, tmp_path) -> None:
    """It gets no more work, is told by name, and the commit is measured by another one."""
    with distributed.Client(processes, set_as_default=False) as client:
        first = min(client.scheduler_info(n_workers=-1)["workers"])
        client.run(fill_disk, workers=[first])
        try:
            with shop.open(processes.scheduler_address) as cluster:
                events = events_of(cluster, shop.commits[1])
                assert 1 == cluster.seat_count
        finally:
            client.run(free_disk)

    assert shop.here(1, tmp_path / "here") == runs_of(events)
    assert [] == [event for event in events if event.failure]
    assert ["gets no more work: [Errno 28] No space left on device"] == [
        line.partition(") ")[2] for line in shop.said
    ]


def fill_disk() -> None:
    """Let no file of a commit be written by this worker."""
    import errno

    from agent_perf.fleet import station

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    station.lay_out = refuse


def free_disk() -> None:
    from agent_perf import suite
    from agent_perf.fleet import station

    station.lay_out = suite.lay_out


def test_a_lost_scheduler_ends_it_in_a_line(shop: Shop) -> None:
    """Whoever waits is told, and nothing else is raised while all is put away."""
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as threads,
        pytest.raises(BrokenError, match=r"the scheduler is gone \(.*run it again"),
        shop.open(threads.scheduler_address) as cluster,
    ):
        for _ in cluster.measure(
            shop.commits[1],
            stored=(),
            only=(),
            cpu=None,
            tier=Tier.CLIENT,
            stop=threading.Event(),
        ):
            threads.sync(threads.scheduler.close)


def test_what_kills_three_workers_is_broken(shop: Shop, processes) -> None:
    """It is told with the workers that it cost, and the other benchmarks are measured."""
    write(shop.root, "benchmarks/killer.py", KILLER)
    with shop.open(processes.scheduler_address) as cluster:
        events = events_of(cluster, shop.commits[1])

    failures = [event.failure for event in events if event.failure]
    assert ["shop.killer@1"] == [failure.benchmark for failure in failures]
    assert "crashed" == failures[0].category
    assert failures[0].message.startswith("3 workers were lost while it ran: ")
    assert {"shop.answer@1", "shop.answer@5"} == runs_of(events).keys()


def test_who_stops_leaves_nothing_running(shop: Shop, processes) -> None:
    """A client that is interrupted does not let workers go on for nobody."""
    write(
        shop.root,
        "benchmarks/slow.py",
        "import time\nfrom agent_perf import scenario\n"
        "@scenario('shop.aaa', users=(1,), requests=2)\n"
        "async def slow(world):\n"
        "    async def request(ask):\n"
        "        while ask.index: pass\n"
        "    yield request\n",
    )
    stop = threading.Event()
    with (
        distributed.Client(processes, set_as_default=False) as client,
        shop.open(processes.scheduler_address) as cluster,
    ):
        events = cluster.measure(
            shop.commits[1], stored=(), only=(), cpu=None, tier=Tier.CLIENT, stop=stop
        )
        for event in events:
            if event.kind == "started":
                stop.set()
        for _ in range(100):
            if not any(client.run(_children_count).values()):
                break

        assert [0, 0] == list(client.run(_children_count).values())


def _children_count() -> int:
    import time

    import psutil

    time.sleep(0.1)
    mine = psutil.Process().children()
    return len([one for one in mine if "agent_perf.suite.worker" in one.cmdline()])
