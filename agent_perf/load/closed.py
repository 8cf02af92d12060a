"""
Users who wait for their answers, for a length of time.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.errors import ConfigError
from agent_perf.load.driver import Ask, Course, Desk, all_together
from agent_perf.load.profiles import seconds_ns, want_seconds

_REQUESTS_PER_USER_MAX = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """
    *users* who think, ask, wait for the answer and ask again, until *for_s* seconds are over.
    """

    users: int
    for_s: float

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ConfigError(f"users={self.users}; want at least 1")
        want_seconds("for_s", self.for_s)

    @property
    def length_s(self) -> float:
        """How long requests are made, in seconds."""
        return self.for_s

    def describe(self) -> str:
        """Return the load in words."""
        return f"{self.users} user{'s' * (self.users > 1)} for {self.for_s:g} s"


async def drive_for(desk: Desk, load: Closed, course: Course | None = None) -> int:
    """
    Let users ask in a closed loop until their time is over; return how many requests.

    Nobody begins to think after the end, or after *course* was told to stop; what is under
    way then is awaited.

    Raises:
        AgentPerfError: As raised by a request.
    """
    begin_ns = desk.now_ns()
    end_ns = begin_ns + seconds_ns(load.for_s)
    offered = 0

    async def visit(user: int) -> int:
        nonlocal offered
        index = 0
        while desk.now_ns() < end_ns:
            if course is not None and not course.goes_on(desk.now_ns() - begin_ns, offered):
                break
            offered += 1
            # An id depends on user and index alone: a faster system answers more of the
            # same requests.
            request_id = user * _REQUESTS_PER_USER_MAX + index
            before_ns = desk.now_ns()
            await desk.serve(Ask(request_id=request_id, user=user, index=index))
            index += 1
            if desk.now_ns() == before_ns:
                raise ConfigError(
                    "a user asked and was answered without any time passing, and would for ever; "
                    "give the scenario a think time, or let requests arrive (--rate)"
                )
        return index

    return sum(await all_together(visit(user) for user in range(load.users)))
