"""
Calls to a service that may be down: one clear error, no queue of time-outs, one log line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent_perf.components.errors import CircuitOpenError, StoreUnavailableError
from agent_perf.components.resilience.breaker import CircuitBreaker

T = TypeVar("T")

_log = logging.getLogger(__name__)


class OutageGuard:
    """
    Turns a service's ways of being down into StoreUnavailableError, and says so once.

    After five failures in a row calls are refused at once for *pause_s*, so that an
    outage costs its callers one time-out each, and not one per call.

    Args:
        service: Its name, for people.
        down: Errors that mean that it is down.
        broken: Errors among *down* that mean something else, and pass as they are.
        timeout_s: Longest wait for an answer, > 0; None to leave it to the client.
        pause_s: How long to leave it alone, > 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_change: As in CircuitBreaker.

    Attributes:
        is_quiet: All is well and no time-out is to be kept: who is in a hurry may call the
            service directly, and need only tell *fail* of errors.

    Example::

        guard = OutageGuard("redis", down=(ConnectionError,))
        value = await guard.attempt(lambda: client.get("key"))
    """

    def __init__(
        self,
        service: str,
        *,
        down: tuple[type[Exception], ...],
        broken: tuple[type[Exception], ...] = (),
        timeout_s: float | None = None,
        pause_s: float = 1.0,
        clock: Callable[[], float] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        self._service = service
        self._down = down
        self._broken = broken
        self._timeout_s = timeout_s
        self._now_s = time.monotonic if clock is None else clock
        self._breaker = CircuitBreaker(
            failures_max=5, open_s=pause_s, clock=clock, on_change=on_change
        )
        self._down_since_s: float | None = None
        self._outage_failures = 0
        self._failures = 0
        self.is_quiet = timeout_s is None

    @property
    def is_up(self) -> bool:
        """Whether the last call got an answer; True before the first."""
        return self._down_since_s is None

    @property
    def failures(self) -> int:
        """Calls that were refused or got no answer, since the beginning."""
        return self._failures

    async def attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        """
        Return what ``call()`` returns.

        Raises:
            StoreUnavailableError: If the service is down.
        """
        try:
            probe = self._breaker.enter()
        except CircuitOpenError as error:
            self._note_failure(error)
            raise StoreUnavailableError(f"{self._service} is down: {error}") from error
        try:
            if self._timeout_s is None:
                result = await call()
            else:
                async with asyncio.timeout(self._timeout_s):
                    result = await call()
        except BaseException as error:
            unavailable = self.fail(error, probe)
            if unavailable is None:
                raise
            raise unavailable from error
        self.succeed(probe)
        return result

    def fail(self, error: BaseException, probe: int = 0) -> StoreUnavailableError | None:
        """
        Take note that a call ended in *error*; return what to raise instead, None for itself.

        Args:
            error: What the service's client raised.
            probe: What the breaker said when it began; 0 for one that was made while the
                guard was quiet.
        """
        if isinstance(error, self._broken) or not isinstance(error, self._down):
            self._breaker.leave(probe)
            return None
        self._breaker.fail(probe)
        unavailable = StoreUnavailableError(
            f"{self._service} is down: {type(error).__name__}: {error}"
        )
        self._note_failure(unavailable)
        return unavailable

    def succeed(self, probe: int = 0) -> None:
        """Take note that a call was answered; not needed while the guard is quiet."""
        self._breaker.succeed(probe)
        # An answer from before the breaker opened that comes late says nothing about now.
        if self._down_since_s is not None and not self._breaker.is_open:
            self._note_recovery(self._down_since_s)

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        self._outage_failures += 1
        self.is_quiet = False
        if self._down_since_s is None:
            self._down_since_s = self._now_s()
            _log.warning("going on without %s: %s", self._service, error)

    def _note_recovery(self, down_since_s: float) -> None:
        _log.warning(
            "%s is back after %.3g s; %d calls went without it",
            self._service,
            self._now_s() - down_since_s,
            self._outage_failures,
        )
        self._down_since_s = None
        self._outage_failures = 0
        self.is_quiet = self._timeout_s is None
