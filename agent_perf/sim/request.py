"""
Which request is running: the key of all draws, and of who did what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Final, Protocol

BACKGROUND_ID: Final = -1
"""Id of whatever runs outside of every request: start-up, timers, shutdown."""


class RequestState:
    """
    What the simulated services remember of one request while it runs.

    Attributes:
        request_id: Its id, or BACKGROUND_ID.
        ordinals: Operation to the number of draws made for it so far.
        connections_held: Database connections checked out and not yet given back.
        script: What the model is to say to it; None: what it says to all.
    """

    __slots__ = ("connections_held", "ordinals", "request_id", "script")

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.ordinals: dict[str, int] = {}
        self.connections_held = 0
        self.script: object = None


class Witness(Protocol):
    """Who is told what the simulated services did. The caller decides what to keep."""

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Take note of *amount* units of work *name*, done for the running request."""

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Take note of an operation of the running request, in loop nanoseconds."""

    def level(self, name: str, change: int) -> None:
        """Take note that *change* more (or fewer, if negative) of *name* are held from now on."""

    def bound(self, name: str, most: int | None) -> None:
        """Take note that *most* more of *name* can be held at a time; None: any number."""


_running: ContextVar[RequestState] = ContextVar("agent_perf_request")


def running_request() -> RequestState:
    """Return the state of the running request; tasks that it started share it."""
    try:
        return _running.get()
    except LookupError:
        # One state per context: a simulation starts in a fresh copy of its caller's.
        state = RequestState(BACKGROUND_ID)
        _running.set(state)
        return state


def request_of(handle: asyncio.Handle) -> int:
    """Return the id of the request that *handle* will run for."""
    context: Context | None = getattr(handle, "_context", None)
    state = None if context is None else context.get(_running)
    return BACKGROUND_ID if state is None else state.request_id


@contextmanager
def request_scope(request_id: int) -> Iterator[RequestState]:
    """Run the body, and the tasks that it starts, as request *request_id*."""
    state = RequestState(request_id)
    token = _running.set(state)
    try:
        yield state
    finally:
        _running.reset(token)


def resume(state: RequestState) -> None:
    """Let the running task go on as the request of *state*, which began behind a real socket."""
    _running.set(state)
