"""
What is under way between a client and the simulated Redis server.
"""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from typing import Final

Command = tuple[str, list[bytes]]
"""Its name and its fields."""

TRIP: Final = "redis.trip"


class Trip:
    """
    One round trip: what was written at one instant, until its last reply is there.

    Attributes:
        commands: Those that the server has still to execute, by name, oldest first.
        detail: What it is called: the names of the commands.
        start_ns: When they were written.
        half_ns: Time on the wire, each way.
        leave_ns: When the server's replies leave, once the server has begun.
        context: Of the request that wrote.
        refusal: What the server says instead of executing the commands; None: it does.
    """

    __slots__ = (
        "commands",
        "context",
        "detail",
        "half_ns",
        "leave_ns",
        "refusal",
        "start_ns",
    )

    def __init__(self, commands: deque[Command], detail: str, start_ns: int, half_ns: int) -> None:
        self.commands = commands
        self.detail = detail
        self.start_ns = start_ns
        self.half_ns = half_ns
        self.leave_ns: int | None = None
        self.context = copy_context()
        self.refusal: str | None = None
