"""
Where a proxy listens, and what it stands in front of.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.errors import ConfigError

_UNIX = "unix:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    A place of TCP, or a Unix socket.

    Attributes:
        host: Name or address, without brackets; empty for a Unix socket.
        port: 0 to 65535; 0: any that is free.
        path: Of a Unix socket; else empty.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """Return it as parse_address reads it."""
        if self.path:
            return f"{_UNIX}{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, what: str) -> Address:
    """
    Return the address that *text* names: ``127.0.0.1:6379``, ``[::1]:6379``, ``unix:/path``.

    Args:
        text: As people write it; a port alone is one of 127.0.0.1.
        what: Whose it is, for the message.

    Raises:
        ConfigError: If it names none.
    """
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if path.startswith("/"):
            return Address(path=path)
        raise ConfigError(f"{what} = {text!r}; want an absolute path, as unix:/run/redis.sock")
    host, _, number = text.rpartition(":")
    if number.isascii() and number.isdigit() and int(number) <= 65535 and "/" not in host:
        return Address(host=host.strip("[]") or "127.0.0.1", port=int(number))
    raise ConfigError(f"{what} = {text!r}; want HOST:PORT, as 127.0.0.1:6379, or unix:/path")
