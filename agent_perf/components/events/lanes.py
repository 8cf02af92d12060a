"""
Who may send now: one request at a time per channel, in the order of asking.

A request of several channels waits for the last one before it on each of them, so waits
always point back, and no two wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Turn:
    """A request's place in the lines of its channels."""

    __slots__ = ("ahead", "behind", "channels", "ready")

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels
        # Requests that must end before, and those that wait for this one.
        self.ahead = 0
        self.behind: list[Turn] = []
        self.ready: asyncio.Future[None] | None = None


class Lanes:
    """
    Gives turns to requests, by channel.

    Attributes:
        waiting: Requests that wait; also those whose callers gave up behind others, until
            these have left.

    Example::

        turn = await lanes.enter(["chat-17"])
        try:
            await client.send(event)
        finally:
            lanes.leave(turn)
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._last: dict[str, Turn] = {}

    def __len__(self) -> int:
        """Return how many channels are busy."""
        return len(self._last)

    async def enter(self, channels: Iterable[str]) -> Turn:
        """Return when all earlier requests for any of *channels* have left."""
        turn = Turn(tuple(dict.fromkeys(channels)))
        last = self._last
        for channel in turn.channels:
            # Two channels of ours may have the same request last: it counts for each.
            blocker = last.get(channel)
            if blocker is not None:
                blocker.behind.append(turn)
                turn.ahead += 1
            last[channel] = turn
        if turn.ahead:
            await self._wait(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        """Let the next ones in."""
        last = self._last
        # No recursion: thousands may have given up, each behind the other.
        leaving = [turn]
        while leaving:
            one = leaving.pop()
            for channel in one.channels:
                if last[channel] is one:
                    del last[channel]
            for follower in one.behind:
                follower.ahead -= 1
                if not follower.ahead and follower.ready is not None:
                    if follower.ready.cancelled():
                        # Its caller gave up while others were ahead; those behind it waited on.
                        self.waiting -= 1
                        leaving.append(follower)
                    else:
                        follower.ready.set_result(None)

    async def _wait(self, turn: Turn) -> None:
        turn.ready = asyncio.get_running_loop().create_future()
        self.waiting += 1
        try:
            await turn.ready
        except asyncio.CancelledError:
            # If it is cancelled, whoever is ahead leaves for us; it may have done so already.
            if not turn.ready.cancelled():
                self.waiting -= 1
                self.leave(turn)
            raise
        self.waiting -= 1
