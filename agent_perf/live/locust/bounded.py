"""
Connections that hear no more than an answer may have, and let others have their turn.
"""

from __future__ import annotations

from typing import Final

import gevent
import gevent.socket
from geventhttpclient.connectionpool import ConnectionPool

from agent_perf.live.asking import ANSWER_BYTES_MAX

_WIRE_BYTES_MAX: Final = 2 * ANSWER_BYTES_MAX
"""With headers, and with what frames small pieces."""
_TURN_BYTES: Final = 1 << 18


class TooLongError(Exception):
    """The answer is longer than we read."""


class BoundedSocket:
    """
    A connection of which one answer at a time is heard.

    The client reads headers, and lines of a stream, until they end. A service that never ends
    them would fill the memory; and as there is always something to be read, the worker would
    never come to anything else, not even to the request's timeout.
    """

    def __init__(self, socket: gevent.socket.socket) -> None:
        self._socket = socket
        self._heard = self._turn = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        """Send *data*; what is heard then is another answer."""
        self._heard = 0
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        """
        Return what comes next, *size* bytes at most.

        Raises:
            TooLongError: If that is more than one answer may have.
        """
        data: bytes = self._socket.recv(size)
        self._heard += len(data)
        self._turn += len(data)
        if self._heard > _WIRE_BYTES_MAX:
            raise TooLongError
        if self._turn > _TURN_BYTES:
            self._turn = 0
            gevent.sleep(0)
        return data


def bound(pool: ConnectionPool) -> None:
    """Let all connections that *pool* opens from now on be bounded."""
    opened = pool._create_socket
    vars(pool)["_create_socket"] = lambda: BoundedSocket(opened())
