"""
A port of this machine that is ours until we let it go.
"""

from __future__ import annotations

import socket
import sys
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"


class ReservedPort:
    """
    A port for a server of ours, also between its end and its next start.

    On Linux a socket is kept bound to it that does not listen: the system gives the port to
    nobody who asks for any, connections are refused while the server is down, and a server
    that sets SO_REUSEADDR, as all do, can have it. Elsewhere the port is only likely free.

    Attributes:
        number: The port, on `LOOPBACK`.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind((LOOPBACK, 0))
        self.number: int = self._holder.getsockname()[1]
        if sys.platform != "linux":
            self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let it go."""
        self._holder.close()
