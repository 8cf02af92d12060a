"""
What a PostgreSQL server says first, asked without a driver, since none is required.
"""

from __future__ import annotations

import socket
import struct
from enum import Enum
from typing import Final

_PROTOCOL: Final = 196_608  # 3.0
_ANSWER_BYTES_MAX: Final = 8_192
_TIMEOUT_S: Final = 5.0


class Greeting(Enum):
    """How a server greets whoever connects."""

    READY = "ready"
    STARTING = "starting"
    NONE = "none"
    FOREIGN = "foreign"


def greeting_of(host: str, port: int, user: str, *, timeout_s: float = _TIMEOUT_S) -> Greeting:
    """
    Return how the server at *host*, a name or the folder of a Unix socket, greets *user*.

    It is ready if it asks for a password, but also if it refuses the user, or wants TLS: that
    is for the driver to tell.

    Source: PostgreSQL 15 documentation, 55.7 Message Formats; error codes, class 57.
    """
    words = b"user\0" + user.encode() + b"\0\0"
    hello = struct.pack("!ii", len(words) + 8, _PROTOCOL) + words
    try:
        with _connected(host, port, timeout_s) as line:
            line.sendall(hello)
            answer = _read(line)
    except OSError:
        return Greeting.NONE
    if answer[:1] == b"R":
        return Greeting.READY
    if answer[:1] == b"E":
        # 57P03 is cannot_connect_now.
        return Greeting.STARTING if b"C57P03\0" in answer else Greeting.READY
    return Greeting.FOREIGN if answer else Greeting.NONE


def _connected(host: str, port: int, timeout_s: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=timeout_s)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(timeout_s)
    try:
        line.connect(f"{host}/.s.PGSQL.{port}")
    except OSError:
        line.close()
        raise
    return line


def _read(line: socket.socket) -> bytes:
    """Return the first message, or as much of it as there is."""
    heard = b""
    while len(heard) < _ANSWER_BYTES_MAX:
        piece = line.recv(_ANSWER_BYTES_MAX)
        heard += piece
        whole = len(heard) >= 5 and len(heard) > int.from_bytes(heard[1:5], "big")
        if not piece or whole or heard[:1] not in b"RE":
            break
    return heard
