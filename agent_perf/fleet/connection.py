"""
The connection with a scheduler, or a cluster of processes on this machine.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agent_perf.errors import UsageError
from agent_perf.fleet.address import ClusterAddress

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

_CONNECT_S: Final = 10.0
_GRACE_S: Final = 2.0
_ARRIVE_S: Final = 30.0
"""How long the first worker may take to come."""


@contextmanager
def connected(address: ClusterAddress) -> Iterator[Client]:
    """
    Give a client of the cluster at *address*, which has at least one worker.

    Raises:
        UsageError: If ``distributed`` is not installed, nobody answers, no worker comes, or TLS is
            asked for without certificates.
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
                # Without an address Dask takes port 8787, and warns if another cluster has it.
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                # What is measured runs in processes of its own, which Dask does not count.
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    more = _encryption(address)
    try:
        client = _within(
            lambda: Client(address.scheduler, timeout=_CONNECT_S, set_as_default=False, **more),
            _CONNECT_S + _GRACE_S,
        )
    except (OSError, TimeoutError) as error:
        raise UsageError(
            f"no scheduler answers at {address}: {error}; start one with `dask scheduler`, and "
            "workers with `dask worker`"
        ) from None
    with _quiet(), client:
        try:
            client.wait_for_workers(1, timeout=_ARRIVE_S)
        except TimeoutError:
            raise UsageError(
                f"no worker came to {address} within {_ARRIVE_S:g} s; start some with "
                f"`dask worker {address}`"
            ) from None
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask print no tracebacks of a scheduler that is lost: we tell it in a line."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _encryption(address: ClusterAddress) -> dict[str, Any]:
    """
    Return what a client takes for an address with TLS; Dask itself would end in a traceback.

    Raises:
        UsageError: If certificates are missing or cannot be read.
    """
    if not address.scheduler.startswith(("tls:", "wss:")):
        return {}
    from distributed.security import Security

    security = Security(require_encryption=True)
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except OSError as error:
        raise UsageError(
            f"{address}: the certificates that Dask's configuration names cannot be read: {error}"
        ) from None
    if context is None:
        raise UsageError(
            f"{address} needs certificates: name them in Dask's configuration as tls.ca-file, "
            "tls.client.cert and tls.client.key below distributed.comm"
        )
    return {"security": security}


def _within(make: Callable[[], T], limit_s: float) -> T:
    """
    Return what *make* gives; a TimeoutError if that takes longer than *limit_s*.

    Dask's own limit does not hold for who accepts a connection and then says nothing. The thread
    is left behind then, which keeps no process from its end.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001  # It is raised where it is waited for.
            future.set_exception(error)

    threading.Thread(target=run, name="connecting", daemon=True).start()
    try:
        return future.result(limit_s)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"nothing was said within {limit_s:g} s") from None
