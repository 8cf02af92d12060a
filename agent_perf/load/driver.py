"""
Drives requests at a system, and takes down each from its intended start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from agent_perf.errors import AgentPerfError, BrokenError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    One request to make.

    Attributes:
        request_id: Equal in base and head, so that the two can be paired.
        user: Who asks, 0 <= user < users.
        index: How many requests the user made before; negative during the warm-up.
    """

    request_id: int
    user: int
    index: int


Request = Callable[[Ask], Awaitable[str | None]]
"""Makes one request; may return how it was answered, such as ``hit`` or ``miss``."""


class Ledger(Protocol):
    """Where requests are taken down."""

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open a request that was to start at *intended_ns*."""

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """Close it: how it was answered, or its error category."""

    def restart(self) -> None:
        """Forget the warm-up."""


@dataclass(kw_only=True)
class Desk:
    """
    Where requests start and end.

    Attributes:
        request: Makes one request.
        ledger: Takes it down.
        scope: Makes the body run as the request with that id.
        think: Waits for a user's think time.
        now_ns: Reads the clock.
        answered_count: Requests that did not fail.
        first_failure: The first that did, for people.
    """

    request: Request
    ledger: Ledger
    scope: Callable[[int], AbstractContextManager[object]]
    think: Callable[[], Awaitable[None]]
    now_ns: Callable[[], int]
    answered_count: int = 0
    first_failure: Exception | None = None

    async def serve(self, ask: Ask) -> None:
        """
        Think, make one request, and take it down.

        Raises:
            AgentPerfError: As raised by the request: the simulation itself cannot go on.
        """
        # The scope keys the think time too: it does not depend on what requests do.
        with self.scope(ask.request_id):
            await self.think()
            self.ledger.begin(ask.request_id, self.now_ns())
            path, error = "", None
            try:
                path = await self.request(ask) or ""
                self.answered_count += 1
            except AgentPerfError:
                raise
            except Exception as failure:  # noqa: BLE001 (a failed request is a result)
                error = error_category(failure)
                self.first_failure = self.first_failure or failure
            self.ledger.end(ask.request_id, path, error)


async def drive_closed(
    desk: Desk, *, users: int, requests_per_user: int, warmup_per_user: int
) -> None:
    """
    Let *users* ask in a closed loop: think, ask, wait for the answer, and again.

    A warm-up of all users comes first and is forgotten: it opens the connections.

    Args:
        desk: Where requests are made.
        users: At least 1.
        requests_per_user: At least 1.
        warmup_per_user: Requests per user that are not taken down, >= 0.

    Raises:
        BrokenError: If every request failed; its cause is the first failure.
        AgentPerfError: As raised by a request.
    """

    async def warm_up(user: int) -> None:
        for index in range(warmup_per_user):
            # Ids of the warm-up lie below the background's, which is -1.
            request_id = -2 - user * warmup_per_user - index
            await desk.serve(Ask(request_id=request_id, user=user, index=index - warmup_per_user))

    async def visit(user: int) -> None:
        for index in range(requests_per_user):
            request_id = user * requests_per_user + index
            await desk.serve(Ask(request_id=request_id, user=user, index=index))

    await _all(warm_up(user) for user in range(users))
    desk.ledger.restart()
    desk.answered_count = 0
    await _all(visit(user) for user in range(users))
    if not desk.answered_count:
        failure = desk.first_failure
        if failure is None:
            raise BrokenError(
                f"none of {users * requests_per_user} requests was answered, and none failed: "
                "were they cancelled?"
            )
        raise BrokenError(
            f"all {users * requests_per_user} requests failed, the first with "
            f"{type(failure).__name__}: {failure}"
        ) from failure


def error_category(error: Exception) -> str:
    """
    Return the category that *error* is counted under.

    Its own ``category`` if it has one; ``timeout`` for anything that is or was caused by
    a time-out; else the name of its class.
    """
    category = getattr(error, "category", None)
    if category is not None:
        return str(getattr(category, "value", category))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return "timeout"
        cause = cause.__cause__
    return type(error).__name__


async def _all(visits: Iterable[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for number, visit in enumerate(visits):
                group.create_task(visit, name=f"user-{number}")
    except ExceptionGroup as failures:
        # The first one stopped all users; what others raised at that moment says no more.
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
