"""
Drives requests at a system, and takes down each from its intended start.

Two kinds of users: those who wait for the answer before they ask again, and those who
do not know of each other and arrive when they arrive. With the first kind a slow system
is asked less; only the second shows what happens when it cannot keep up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from agent_perf.errors import BrokenError, UsageError
from agent_perf.load.arrivals import Arrival, Limits, RateLimit
from agent_perf.units import NS

T = TypeVar("T")

SETTLE_S: Final = 1.0
"""Pause after a warm-up, in virtual time: longer than batches wait to be sent."""

NO_LIMITS: Final = Limits()

CANCELLED: Final = "cancelled"
"""Category of requests that were cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    One request to make.

    Attributes:
        request_id: Equal in base and head, so that the two can be paired.
        user: Who asks, 0 <= user < users.
        index: How many requests the user made before; negative during the warm-up.
        text: What is asked, if a trace or a validation case says so; else empty.
    """

    request_id: int
    user: int
    index: int
    text: str = ""


Request = Callable[[Ask], Awaitable[str | None]]
"""Makes one request; may return how it was answered, such as ``hit`` or ``miss``."""


class Ledger(Protocol):
    """Where requests are taken down."""

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open a request that was to start at *intended_ns*."""

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """Close it: how it was answered, or its error category."""

    def drop(self, request_id: int, intended_ns: int) -> None:
        """Take note that a request was refused: a limit of the load was reached."""

    def restart(self) -> None:
        """Forget the warm-up."""


@dataclass(kw_only=True)
class Course:
    """
    How far a load is: for who looks on from another thread, and may end it early.

    Attributes:
        at_ns: Virtual time since its begin.
        offered: Requests offered.
        stop: Set to send no more; what is under way is awaited.
        stopped_at_ns: When that was heeded; None: not, or there was nothing left to send.
        is_enough: Asked before each request, in virtual time, whether to stop; None: nobody is.
        look_every_s: Longest wait for the next request without a look whether to stop; None: as
            long as it lasts, which in virtual time is no time.
        at_end: Called when the last request has ended; None: nobody is.
    """

    at_ns: int = 0
    offered: int = 0
    stop: bool = False
    stopped_at_ns: int | None = None
    is_enough: Callable[[], bool] | None = None
    look_every_s: float | None = None
    at_end: Callable[[], object] | None = None

    def goes_on(self, at_ns: int, offered: int) -> bool:
        """Take note of how far it is; return whether to send more."""
        self.at_ns, self.offered = at_ns, offered
        if self.is_enough is not None and self.is_enough():
            self.stop = True
        if self.stop and self.stopped_at_ns is None:
            self.stopped_at_ns = at_ns
        return not self.stop


@dataclass(kw_only=True)
class Desk:
    """
    Where requests start and end.

    Attributes:
        request: Makes one request.
        ledger: Takes it down.
        scope: Makes the body run as the request with that id.
        think: Waits for a user's think time, and tells when it was to end; None: now. On a busy
            loop that is before it ends.
        now_ns: Reads the clock.
        served_count: Requests that ended, warm-up included.
        answered_count: Requests that did not fail, without the warm-up.
        first_failure: The first that did, for people.
        settle: Called after the warm-up, before what is measured begins.
    """

    request: Request
    ledger: Ledger
    scope: Callable[[int], AbstractContextManager[object]]
    think: Callable[[], Awaitable[int | None]]
    now_ns: Callable[[], int]
    served_count: int = 0
    answered_count: int = 0
    first_failure: Exception | None = None
    settle: Callable[[], object] | None = None

    async def serve(self, ask: Ask) -> None:
        """
        Think, make one request, and take it down; errors as in answer.
        """
        # The scope keys the think time too: it does not depend on what requests do.
        with self.scope(ask.request_id):
            intended_ns = await self.think()
            await self._answer(ask, self.now_ns() if intended_ns is None else intended_ns)

    async def serve_at(self, ask: Ask, intended_ns: int) -> None:
        """
        Make one request that was to start at *intended_ns*, and take it down.

        Raises:
            BrokenError: As raised by the request: the simulation itself cannot go on.
            UsageError: As raised by the request: it uses the world as one cannot.
        """
        with self.scope(ask.request_id):
            await self._answer(ask, intended_ns)

    async def _answer(self, ask: Ask, intended_ns: int) -> None:
        self.ledger.begin(ask.request_id, intended_ns)
        path, error = "", None
        try:
            path = await self.request(ask) or ""
            self.answered_count += 1
        except (BrokenError, UsageError):
            raise
        except asyncio.CancelledError:
            # A request that awaits what was cancelled has failed; one that is cancelled
            # itself has too, and goes.
            error = CANCELLED
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self.served_count += 1
                self.ledger.end(ask.request_id, path, error)
                raise
        except Exception as failure:  # noqa: BLE001 (a failed request is a result)
            error = error_category(failure)
            self.first_failure = self.first_failure or failure
        self.served_count += 1
        self.ledger.end(ask.request_id, path, error)

    def require_answer(self, request_count: int) -> None:
        """
        Return if at least one of *request_count* requests was answered.

        Raises:
            BrokenError: If none was; its cause is the first failure.
        """
        if self.answered_count:
            return
        failure = self.first_failure
        if failure is None:
            raise BrokenError(
                f"none of {request_count} requests was answered, and none failed: "
                "were they cancelled?"
            )
        raise BrokenError(
            f"all {request_count} requests failed, the first with "
            f"{type(failure).__name__}: {failure}"
        ) from failure


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

    async def visit(user: int) -> None:
        for index in range(requests_per_user):
            request_id = user * requests_per_user + index
            await desk.serve(Ask(request_id=request_id, user=user, index=index))

    await warm_up(desk, users=users, per_user=warmup_per_user)
    await all_together(visit(user) for user in range(users))
    desk.require_answer(users * requests_per_user)


async def drive_open(
    desk: Desk,
    arrivals: Iterable[Arrival],
    *,
    users: int,
    limits: Limits = NO_LIMITS,
    course: Course | None = None,
) -> int:
    """
    Let requests arrive, never waiting for answers; return how many were offered.

    Each is a task of its own, and its latency counts from the instant at which it was to
    start. Returns when the last one has ended.

    Args:
        desk: Where requests are made.
        arrivals: In order of time, counted from now; taken one by one.
        users: At least 1; requests that do not name a user are dealt to them in turn.
        limits: Beyond them, requests are dropped, and their answers never missed.
        course: Told how far it is, and asked whether to go on.

    Raises:
        AgentPerfError: As raised by a request.
    """
    begin_ns, served_before = desk.now_ns(), desk.served_count
    asked: Counter[int] = Counter()
    rate = RateLimit(limits) if limits.rate_max_hz is not None else None
    in_flight_max = limits.in_flight_max
    offered = started = 0
    async with _first_failure(), asyncio.TaskGroup() as group:
        for request_id, (at_ns, named, text) in enumerate(arrivals, start=1):
            intended_ns = begin_ns + at_ns
            await _until(intended_ns, desk, course)
            if course is not None and not course.goes_on(at_ns, offered):
                break
            offered = request_id
            user = (request_id - 1) % users if named is None else named
            index = asked[user]
            asked[user] = index + 1
            in_flight = started - desk.served_count + served_before
            if (in_flight_max is not None and in_flight >= in_flight_max) or not (
                rate is None or rate.admits(at_ns)
            ):
                desk.ledger.drop(request_id - 1, intended_ns)
                continue
            started += 1
            ask = Ask(request_id=request_id - 1, user=user, index=index, text=text)
            group.create_task(desk.serve_at(ask, intended_ns))
    return offered


async def _until(intended_ns: int, desk: Desk, course: Course | None) -> None:
    wait_ns = intended_ns - desk.now_ns()
    if course is not None and course.look_every_s is not None:
        while wait_ns > course.look_every_s * NS and not course.stop:
            await asyncio.sleep(course.look_every_s)
            wait_ns = intended_ns - desk.now_ns()
        if course.stop:
            return
    if wait_ns > 0:
        await asyncio.sleep(wait_ns / NS)


async def warm_up(desk: Desk, *, users: int, per_user: int) -> None:
    """
    Let each user ask *per_user* times, see that all work of it has ended, and forget it.

    Args:
        desk: Where requests are made.
        users: At least 1.
        per_user: >= 0.

    Raises:
        AgentPerfError: As raised by a request.
    """

    async def visit(user: int) -> None:
        for index in range(per_user):
            # Ids of the warm-up lie below the background's, which is -1.
            request_id = -2 - user * per_user - index
            await desk.serve(Ask(request_id=request_id, user=user, index=index - per_user))

    await all_together(visit(user) for user in range(users))
    if per_user:
        # What requests leave to the background, as events sent in batches, ends after
        # their answers: without the pause it would count in the run.
        await asyncio.sleep(SETTLE_S)
    if desk.settle is not None:
        desk.settle()
    desk.ledger.restart()
    desk.answered_count = 0
    desk.first_failure = None


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
    seen: set[int] = set()
    # Who writes `raise error from error` makes an error its own cause.
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return "timeout"
        cause = cause.__cause__
    return type(error).__name__


async def all_together(visits: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run the visits of all users side by side; the first error ends all, and is raised."""
    async with _first_failure(), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(visit, name=f"user-{number}") for number, visit in enumerate(visits)
        ]
    for task in tasks:
        if task.cancelled():
            raise BrokenError(f"{task.get_name()} was cancelled by a request, and asks no more")
    return [task.result() for task in tasks]


@asynccontextmanager
async def _first_failure() -> AsyncIterator[None]:
    try:
        yield
    except ExceptionGroup as failures:
        # The first one stopped all users; what others raised at that moment says no more.
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
