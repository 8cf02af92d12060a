"""
How long it takes to open a connection: TCP, and TLS if there is any.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

TIMEOUT_S: Final = 10.0
"""A service that takes longer is not there."""


def connector(
    host: str, port: int, tls: ssl.SSLContext | None
) -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
    """
    Return what opens a connection, and what closes it again.

    The name is resolved once, before: a client's resolver keeps it.

    Raises:
        OSError: If the name is not known.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened: list[socket.socket] = []

    async def connect() -> None:
        # Blocking: nothing else is under way, and nothing is nearer to the wire.
        raw = socket.socket(family, kind, protocol)
        opened.append(raw)
        raw.settimeout(TIMEOUT_S)
        raw.connect(address)
        if tls is not None:
            opened[-1] = tls.wrap_socket(raw, server_hostname=host)

    async def close() -> None:
        while opened:
            opened.pop().close()

    return connect, close
