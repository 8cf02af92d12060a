"""
The stand-in for a socket that clients ask a transport for: options, addresses, liveness.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import cache


class WireSocket:
    """
    A socket that can be looked at.

    Args:
        own: This end's address.
        other: The other end's; None for a listening socket.
        is_readable: Whether a read would return at once: data, the end, or an error.
    """

    __slots__ = ("_is_readable", "_other", "_own", "family", "proto", "type")

    def __init__(
        self,
        own: tuple[str, int],
        other: tuple[str, int] | None,
        is_readable: Callable[[], bool],
    ) -> None:
        self.family = socket.AF_INET
        self.type = socket.SOCK_STREAM
        self.proto = socket.IPPROTO_TCP
        self._own = own
        self._other = other
        self._is_readable = is_readable

    def getsockname(self) -> tuple[str, int]:
        """Return this end's address."""
        return self._own

    def getpeername(self) -> tuple[str, int]:
        """Return the other end's address."""
        if self._other is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._other

    def setsockopt(self, *option: object) -> None:
        """Accept any option: there is nothing that one could change."""

    def getsockopt(self, *option: object) -> int:
        """Return 0."""
        return 0

    def setblocking(self, flag: bool) -> None:
        """Accept: nothing blocks."""

    def gettimeout(self) -> float:
        """Return 0: the socket never blocks."""
        return 0.0

    def fileno(self) -> int:
        """Return a descriptor that polls as silent, or -1 if a read would return at once."""
        # httpcore polls the descriptor of an idle connection, to see whether the server
        # has hung up; for -1 it takes that as given.
        return -1 if self._is_readable() else _silent_fd()


@cache
def _silent_fd() -> int:
    # One for the process, kept: a pipe into which nobody ever writes.
    read_end, _ = os.pipe()
    return read_end
