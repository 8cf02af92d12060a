"""
A backend of named parts: started in order, watched, and stopped so that nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from agent_perf.components.backend.door import Door
from agent_perf.components.backend.parts import Act, Part, PartState, Warm, check_parts
from agent_perf.components.backend.probing import Prober
from agent_perf.components.backend.roster import Roster
from agent_perf.components.backend.states import (
    BackendEvent,
    BackendHealth,
    BackendState,
    BackendStats,
)
from agent_perf.components.errors import (
    BackendStartError,
    BackendStopError,
)
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

_log = logging.getLogger(__name__)

_NO_LETTER: Final = re.compile(r"[^a-zA-Z0-9_]")


class Watches(Protocol):
    """Where numbers are told: `Metrics`."""

    def watch(self, name: str, stats: Callable[[], object], /) -> None:
        """Tell what *stats* returns."""


class Backend:
    """
    Named parts that are started, checked and stopped together; on one event loop, once.

    A part starts when all that it needs is up; those that do not need each other start side by
    side. If a critical part fails, all that had started is stopped, and the error tells every
    cause. One that is not critical is tried again in the background.

    On the way out no request is taken any more, those under way may end, and then every part
    that was started is stopped once, the last first, whatever the others do. Being cancelled
    does not cut this short: each step has its own limit.

    Args:
        drain_s: Longest wait for requests under way, >= 0.
        restart_s_first: Wait before a part that failed is tried again, > 0; it doubles.
        restart_s_max: Longest such wait.
        health_timeout_s: Longest wait for a part's health, > 0.
        health_ttl_s: How long an answer about health is good for, >= 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_event: Told of each change.

    Example::

        backend = Backend()
        backend.part("redis", start=client.ping, stop=client.aclose, critical=False)
        backend.part("events", stop=events.aclose, stats=events.stats)
        async with backend:
            with backend.request():
                await agent.ask(question)
    """

    def __init__(
        self,
        *,
        drain_s: float = 10.0,
        restart_s_first: float = 1.0,
        restart_s_max: float = 60.0,
        health_timeout_s: float = 1.0,
        health_ttl_s: float = 1.0,
        clock: Callable[[], float] | None = None,
        on_event: Callable[[BackendEvent], None] | None = None,
    ) -> None:
        if not drain_s >= 0 or not 0 < restart_s_first <= restart_s_max:
            raise ConfigError(
                f"drain_s={drain_s}, restart_s_first={restart_s_first}, restart_s_max="
                f"{restart_s_max}; want >= 0 and 0 < restart_s_first <= restart_s_max"
            )
        self._drain_s = drain_s
        self._now_s = time.monotonic if clock is None else clock
        self._on_event = on_event
        self._parts: dict[str, Part] = {}
        self._state = BackendState.NEW
        self._roster = Roster(
            self._parts,
            restart_s_first=restart_s_first,
            restart_s_max=restart_s_max,
            now_s=self._now_s,
            note=self._note,
        )
        self._prober = Prober(timeout_s=health_timeout_s, ttl_s=health_ttl_s, now_s=self._now_s)
        self._closing: asyncio.Task[list[Exception]] | None = None
        self._door = Door(self._admits)

    @property
    def state(self) -> BackendState:
        """What it is doing."""
        return self._state

    def part(  # noqa: PLR0913 (all but the name are optional, and named where they are given)
        self,
        name: str,
        *,
        start: Act | None = None,
        stop: Act | None = None,
        health: Callable[[], Awaitable[Health]] | None = None,
        warm: Warm | None = None,
        stats: Callable[[], object] | None = None,
        needs: Sequence[str] = (),
        critical: bool = True,
        timeout_s: float = 10.0,
        warm_timeout_s: float = 60.0,
    ) -> None:
        """
        Add a part; see Part for what the arguments mean.

        Raises:
            ConfigError: If there is one of that name, or the backend was started.
        """
        if self._state is not BackendState.NEW:
            raise ConfigError(f"part {name!r} comes too late: the backend is {self._state.value}")
        if name in self._parts:
            raise ConfigError(f"there is a part {name!r} already; take another name")
        self._parts[name] = Part(
            name=name,
            start=start,
            stop=stop,
            health=health,
            warm=warm,
            stats=stats,
            needs=tuple(needs),
            critical=critical,
            timeout_s=timeout_s,
            warm_timeout_s=warm_timeout_s,
        )

    async def start(self) -> None:
        """
        Start and warm all parts; return when requests may come.

        Raises:
            BackendStartError: If a critical part failed, or aclose was called meanwhile.
            ConfigError: If the parts' needs cannot be met, or it was started before.
        """
        if self._state is not BackendState.NEW:
            raise ConfigError(f"the backend is {self._state.value}: make a new one to start again")
        check_parts(self._parts)
        self._enter(BackendState.STARTING)
        try:
            started = await self._roster.start()
            if started:
                self._enter(BackendState.WARMING)
                await self._roster.warm()
        except BaseException:
            await self._closed()
            raise
        if started and self._closing is None:
            self._enter(BackendState.READY)
            return
        # What failed before the stop; what fails in it comes after.
        failed = dict(self._roster.errors)
        errors = [*failed.values(), *await self._closed()]
        told = "; ".join(
            f"{name}: {type(error).__name__}: {error}" for name, error in failed.items()
        )
        message = f"the backend is not started: {told or 'it was closed meanwhile'}"
        if not errors:
            raise BackendStartError(message)
        raise BackendStartError(message) from ExceptionGroup("parts of the backend", errors)

    async def aclose(self) -> None:
        """
        Take no more requests, let those under way end, and stop all parts.

        It may be called at any time and again. If its caller is cancelled, it ends its work
        first.

        Raises:
            BackendStopError: If parts did not stop as they should; every one was told to.
        """
        if self._closing is not None and self._closing.done():
            return
        if self._state is BackendState.NEW:
            self._enter(BackendState.STOPPED)
            return
        errors = await self._closed()
        if errors:
            raise BackendStopError(
                f"{len(errors)} parts did not stop: {'; '.join(map(str, errors))}"
            ) from ExceptionGroup("parts of the backend", errors)

    def request(self) -> Door:
        """
        Return a context in which a request is under way, so that stopping waits for it.

        Raises:
            BackendNotReadyError: On entering it, if the backend is not ready.
        """
        return self._door

    async def health(self) -> BackendHealth:
        """Return how all parts are, asked side by side."""
        states = self._roster.states
        up = [part for part in self._parts.values() if states.get(part.name) is PartState.UP]
        answers = await self._prober.ask(up)
        return BackendHealth(
            state=self._state,
            parts={name: answers.get(name) or self._absence(name) for name in self._parts},
            critical=frozenset(name for name, part in self._parts.items() if part.critical),
        )

    def warmth(self) -> dict[str, tuple[int, int]]:
        """Return part to how much of how much is warm, of those that have said so."""
        return dict(self._roster.warmth)

    def stats(self) -> BackendStats:
        """Return what it has done."""
        counts = self._roster.counts
        return BackendStats(
            starts=counts["starts"],
            start_failures=counts["start_failures"],
            restarts=counts["restarts"],
            warm_failures=counts["warm_failures"],
            stops=counts["stops"],
            stop_failures=counts["stop_failures"],
            requests=self._door.entered,
            refused=self._door.refused,
            under_way=self._door.inside,
            up={name: self._roster.states.get(name) is PartState.UP for name in self._parts},
            start_s=dict(self._roster.start_s),
        )

    def watch_in(self, metrics: Watches) -> None:
        """Tell the numbers of all parts, and its own as ``backend``, in *metrics*."""
        metrics.watch("backend", self.stats)
        for part in self._parts.values():
            if part.stats is not None:
                metrics.watch(_NO_LETTER.sub("_", part.name), part.stats)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.aclose()
        except BackendStopError as stop_error:
            if error is None:
                raise
            # What happened inside is what the caller has to know first.
            error.add_note(str(stop_error))

    def _admits(self) -> str:
        """Return why it takes no request; empty if it does."""
        return "" if self._state is BackendState.READY else self._state.value

    async def _closed(self) -> list[Exception]:
        """Stop everything, whoever is cancelled; return what went wrong."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        cancelled: asyncio.CancelledError | None = None
        while not self._closing.done():
            try:
                await asyncio.wait({self._closing})
            except asyncio.CancelledError as request:
                cancelled = request
        errors = self._closing.result()
        if cancelled is not None:
            for error in errors:
                cancelled.add_note(str(error))
            raise cancelled
        return errors

    async def _close(self) -> list[Exception]:
        if self._state is BackendState.READY:
            self._enter(BackendState.DRAINING)
            left = await self._door.drained(self._drain_s)
            if left:
                _log.warning("%d requests did not end within %g s", left, self._drain_s)
        self._enter(BackendState.STOPPING)
        errors = await self._roster.stop()
        for error in errors:
            _log.error("a part did not stop as it should", exc_info=error)
        self._enter(BackendState.STOPPED)
        return errors

    def _absence(self, name: str) -> Health:
        state = self._roster.states.get(name, PartState.WAITING)
        error = self._roster.errors.get(name)
        why = f": {type(error).__name__}: {error}" if error else ""
        return Health(is_up=False, latency_s=0.0, detail=f"{state.value}{why}")

    def _enter(self, state: BackendState) -> None:
        self._state = state
        self._tell("", state, "")

    def _note(self, name: str, state: PartState, detail: str) -> None:
        if state is PartState.FAILED:
            _log.warning("part %s is down: %s", name, detail)
        self._tell(name, state, detail)

    def _tell(self, name: str, state: PartState | BackendState, detail: str) -> None:
        if self._on_event is None:
            return
        event = BackendEvent(at_s=self._now_s(), part=name, state=state, detail=detail)
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001  # A listener must not keep parts from being stopped.
            _log.exception("on_event failed for %s", event)
