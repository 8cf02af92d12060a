"""
Libraries that would leak addresses, threads or the real machine into a simulation.
"""

from __future__ import annotations

import asyncio
import importlib
import platform
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from agent_perf.sim.loop import SimLoop
from agent_perf.sim.ordered import OrderedSet
from agent_perf.sim.sleeping import sleeping_by_pauses

# These modules keep tasks, scopes or connections in sets, and act in the sets' order.
_SETS_IN: Final = (
    "asyncio.tasks",
    "asyncio.taskgroups",
    "anyio._backends._asyncio",
    "redis.asyncio.connection",
)
_ANYIO: Final = "anyio._backends._asyncio"
# Locally administered, as RFC 9562 asks of a node id that is no hardware address.
_UUID_NODE: Final = 0x02_00_00_00_00_00


@contextmanager
def compatible(loop: SimLoop) -> Iterator[None]:
    """Let asyncio and the libraries that are installed behave reproducibly on *loop*."""
    _import_early()
    with ExitStack() as stack:
        stack.enter_context(sleeping_by_pauses())
        for name in _SETS_IN:
            module = sys.modules.get(name)
            if module is not None:
                # The name `set` in these modules is the builtin, looked up at each use.
                stack.callback(delattr, module, "set")
                module.set = OrderedSet  # type: ignore[attr-defined]  # That is the point.
        _compact_task_registry()
        if _ANYIO in sys.modules:
            _run_anyio_threads_on(loop, stack)
        # Else uuid1() asks libuuid for the time, and processes for a hardware address.
        for name, value in (("_generate_time_safe", None), ("_node", _UUID_NODE)):
            stack.callback(setattr, uuid, name, getattr(uuid, name))
            setattr(uuid, name, value)
        yield


@cache
def _import_early() -> None:
    """Import and compute what libraries otherwise do lazily, by asking the machine."""
    # trio runs a process to find libc when imported; httpcore imports it on first use.
    for name in ("trio", "sniffio", _ANYIO):
        if find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    # Clients put it into their User-Agent; it runs ``uname -p`` once, then remembers.
    platform.platform()


def _compact_task_registry() -> None:
    """
    Let `asyncio.all_tasks` forget how many tasks there were.

    asyncio keeps all tasks of the process in one weak set. A set never shrinks, and its
    order depends on its size, so on all that ran before.
    """
    tasks: Any = asyncio.tasks
    # Python 3.12 gave it another name.
    registry = tasks._all_tasks if sys.version_info < (3, 12) else tasks._scheduled_tasks
    # Other threads' loops may have tasks too.
    registry.data = set(registry.data)


def _run_anyio_threads_on(loop: SimLoop, stack: ExitStack) -> None:
    module: Any = sys.modules[_ANYIO]
    backend, scope = module.AsyncIOBackend, module.CancelScope

    async def run_sync_in_worker_thread(
        func: Callable[..., object],
        args: tuple[object, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> object:
        await backend.checkpoint()
        async with limiter or backend.current_default_thread_limiter():
            with scope(shield=not abandon_on_cancel):
                work: Awaitable[object] = loop.run_in_worker(func, *args)
                return await work

    stack.callback(
        setattr,
        backend,
        "run_sync_in_worker_thread",
        vars(backend)["run_sync_in_worker_thread"],
    )
    backend.run_sync_in_worker_thread = staticmethod(run_sync_in_worker_thread)
