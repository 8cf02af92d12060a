"""
An event loop in real time that wakes when it should, and on which simulated services live.
"""

from __future__ import annotations

import asyncio
import ctypes
import select
import selectors
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar
from weakref import WeakSet

from agent_perf.errors import AgentPerfError, TimeLimitError, UsageError
from agent_perf.live.world.route import Route
from agent_perf.sim import BACKGROUND_ID, RealTimeLoop, Refusals, request_scope
from agent_perf.units import NS

T = TypeVar("T")

_LAST_TURNS: Final = 5
_PR_SET_TIMERSLACK: Final = 29
_SELECTABLE_FDS: Final = 1024
"""What select(2) knows: FD_SETSIZE."""


class RealLoop(RealTimeLoop, asyncio.SelectorEventLoop):
    """
    asyncio's own loop, whose time begins at 0.

    Attributes:
        refusals: As in RealTimeLoop.
        routes: Where connections to a host and port really lead, and who listens in.
    """

    def __init__(self) -> None:
        super().__init__(_selector())
        self.refusals = Refusals()
        self.routes: dict[tuple[str, int], Route] = {}
        self._begin_ns = time.monotonic_ns()
        self._connections: WeakSet[asyncio.Transport] = WeakSet()

    @property
    def now_ns(self) -> int:
        """Real time since the loop's begin, in ns."""
        return time.monotonic_ns() - self._begin_ns

    def time(self) -> float:
        """Return the real time since the loop's begin, in seconds."""
        # BaseEventLoop's constructor does not ask; timers do.
        return self.now_ns / NS

    async def pause(self, ns: int) -> None:
        """Take *ns* of real time; 0 or less lets what is ready take its turn."""
        await asyncio.sleep(max(0, ns) / NS)

    async def create_connection(  # type: ignore[override]  # typeshed has twenty parameters.
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **options: Any,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect as asyncio does, to where `routes` lead."""
        connect: Any = super().create_connection
        route = self.routes.get((host, port))
        if route is None:
            transport, protocol = await connect(protocol_factory, host, port, **options)
            self._connections.add(transport)
            return transport, protocol
        if options.get("ssl") and options.get("server_hostname") is None:
            # A certificate is of the server, whatever stands before it.
            options["server_hostname"] = host
        protocol = protocol_factory()
        tapped = route.tapped(protocol)
        # Looked up now, not before: whoever breaks services puts a proxy in between.
        transport, _ = await connect(lambda: tapped, *route.address(), **options)
        self._connections.add(transport)
        return tapped.transport, protocol

    def close_connections(self) -> None:
        """Close what a program has left open: clients of its modules outlive every loop."""
        for transport in list(self._connections):
            if not transport.is_closing():
                transport.abort()


def run_in_real_time(
    main: Callable[[RealLoop], Coroutine[Any, Any, T]], *, limit_s: float, whose: str
) -> T:
    """
    Run *main* to its end in real time and return what it returns.

    What it is still running when it ends is cancelled.

    Args:
        main: Called with the loop.
        limit_s: Real seconds after which it is stopped, > 0.
        whose: Scenarios that it runs, for the message.

    Raises:
        TimeLimitError: If it is still running then.
        UsageError: If called within a running event loop.
    """
    if asyncio._get_running_loop() is not None:
        raise UsageError(
            "a run in real time was begun within a running event loop, which it would block; "
            "begin it from synchronous code"
        )
    loop = RealLoop()
    try:
        with request_scope(BACKGROUND_ID):
            asyncio.set_event_loop(loop)
            return _run(loop, main(loop), limit_s, whose)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _run(loop: RealLoop, main: Coroutine[Any, Any, T], limit_s: float, whose: str) -> T:
    async def limited() -> T:
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await main
        except TimeoutError as error:
            if limit.expired():
                raise TimeLimitError(
                    f"{whose}: still running after {limit_s:g} s of real time, and stopped"
                ) from error
            raise

    task = loop.create_task(limited(), name="main")
    try:
        result = loop.run_until_complete(task)
    except BaseException as error:
        _wind_down(loop)
        if loop.refusals.first is None or isinstance(error, AgentPerfError | KeyboardInterrupt):
            raise
        # Clients wrap what they do not know: that the server is unreachable, say.
        raise type(loop.refusals.first)(str(loop.refusals.first)) from error
    _wind_down(loop)
    loop.refusals.require_none()
    return result


def _wind_down(loop: RealLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close_connections()
    # Transports that were closed tell their protocols in the next turn, and the other side of a
    # connection on loopback hears of it in the turns after that.
    for _ in range(_LAST_TURNS):
        loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


def _selector() -> selectors.BaseSelector:
    if not sys.platform.startswith("linux"):
        # kqueue takes its time in ns.
        return selectors.DefaultSelector()
    # The kernel may let this thread sleep 50 us longer, so as to wake it with others. Source:
    # prctl(2), PR_SET_TIMERSLACK.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    selector = PromptSelector()
    if selector.fileno() < _SELECTABLE_FDS:
        return selector
    selector.close()
    return selectors.DefaultSelector()


_Base: Any = getattr(selectors, "EpollSelector", selectors.DefaultSelector)


class PromptSelector(_Base):  # type: ignore[misc]  # Linux alone has it.
    """
    An epoll that waits to the microsecond.

    Python rounds epoll's time up to a millisecond, of which a Redis trip takes a tenth. An epoll
    is a file, too, and select(2) waits for files to the microsecond.
    """

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready within *timeout* seconds; None: as soon as something is."""
        found: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not found and (timeout is None or timeout > 0):
            select.select((self.fileno(),), (), (), timeout)
            found = super().select(0)
        return found
