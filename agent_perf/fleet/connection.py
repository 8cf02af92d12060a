"""
The connection with a scheduler, or a cluster of processes on this machine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from agent_perf.errors import UsageError
from agent_perf.fleet.address import ClusterAddress

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_S: Final = 10.0
_ARRIVE_S: Final = 30.0
"""How long the first worker may take to come."""


@contextmanager
def connected(address: ClusterAddress) -> Iterator[Client]:
    """
    Give a client of the cluster at *address*, which has at least one worker.

    Raises:
        UsageError: If ``distributed`` is not installed, nobody answers, or no worker comes.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(f"a cluster needs {error.name}: pip install 'agent-perf[fleet]'") from None
    if address.worker_count:
        import dask

        with (
            # After that, distributed 2026.8 closes the nanny of a worker that was lost, though it
            # has started another one: what it asks is a list that is always empty.
            dask.config.set({"distributed.deploy.lost-worker-timeout": "7d"}),
            LocalCluster(
                n_workers=address.worker_count,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                # What is measured runs in processes of its own, which Dask does not count.
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        client = Client(address.scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise UsageError(
            f"no scheduler answers at {address}: {error}; start one with `dask scheduler`, and "
            "workers with `dask worker`"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_ARRIVE_S)
        except TimeoutError:
            raise UsageError(
                f"no worker came to {address} within {_ARRIVE_S:g} s; start some with "
                f"`dask worker {address}`"
            ) from None
        yield client
