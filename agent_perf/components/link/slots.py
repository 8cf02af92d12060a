"""
Where replies go.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, TypeAlias

from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from agent_perf.components.link.client import Reply


class LinkLostError(RedisConnectionError):
    """
    The connection ended between a command and its reply: it may have been executed.

    Args:
        where: The server, for people.
        reason: Why it ended.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"lost the connection to Redis at {where}: {reason}; the command may have been executed"
        )
        self.reason = reason


class Batch:
    """
    The slot of several commands, whose replies come one after another.

    Attributes:
        future: Gets the list of all replies.
    """

    __slots__ = ("_left", "_replies", "future")

    def __init__(self, future: asyncio.Future[list[Reply]], count: int) -> None:
        self.future = future
        self._left = count
        self._replies: list[Reply] = []

    def done(self) -> bool:
        """Return whether nobody waits any more."""
        return self.future.done()

    def fail(self, error: Exception) -> None:
        """End the caller's wait in *error*; the replies may still come."""
        self.future.set_exception(error)
        self._replies.clear()

    def take(self, reply: Reply) -> bool:
        """Take the next reply; return whether it was the last."""
        self._left -= 1
        if self.future.done():
            self._replies.clear()
            return not self._left
        self._replies.append(reply)
        return not self._left

    def finish(self) -> None:
        """Give the caller all replies."""
        for one in self._replies:
            if isinstance(one, RedisError) and not isinstance(one, ResponseError):
                # Redis is loading, or wants a password: that is not about one command.
                self.future.set_exception(one)
                return
        self.future.set_result(self._replies)


Slot: TypeAlias = "asyncio.Future[Reply] | Batch"


class Kept(NamedTuple):
    """
    A command that waits for a connection.

    Attributes:
        slot: Where its reply goes.
        packed: What is to be written.
        deadline_s: On the loop's clock: when its caller gives up.
    """

    slot: Slot
    packed: bytes
    deadline_s: float


def waiter(slot: Slot) -> asyncio.Future[Reply]:
    """Return the future that the caller of *slot* waits for."""
    return slot.future if isinstance(slot, Batch) else slot


def fail(slot: Slot, error: Exception) -> None:
    """End the wait of the caller of *slot* in *error*."""
    if isinstance(slot, Batch):
        slot.fail(error)
    else:
        slot.set_exception(error)


def refusal(text: str) -> Exception:
    """Return the error reply *text* as redis-py raises it."""
    try:
        error: Exception = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]  # It is.
    except (ValueError, IndexError):
        # A MOVED without a place, as only a broken server sends.
        return ResponseError(text)
    return error
