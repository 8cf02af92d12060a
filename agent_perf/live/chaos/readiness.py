"""
How it is known that a process works.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from agent_perf.errors import ConfigError
from agent_perf.live.chaos.address import parse_address

_PROBE_S: Final = 2.0


class Probe:
    """Tells whether a process works."""

    async def __call__(self) -> bool:
        """Return whether it does; without a way to know, it does."""
        return True


class _TcpProbe(Probe):
    def __init__(self, host: str, port: int) -> None:
        self._where = host, port

    async def __call__(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                _, writer = await asyncio.open_connection(*self._where)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True


class _HttpProbe(Probe):
    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_S) as client:
                return (await client.get(self._url)).is_success
        except (httpx.HTTPError, OSError):
            return False


def probe_of(text: str, where: str) -> Probe:
    """
    Return the probe that *text* says; without text, one that is always content.

    Raises:
        ConfigError: If it says none; it begins with *where*.
    """
    if not text:
        return Probe()
    if text.startswith(("http://", "https://")):
        return _HttpProbe(text)
    if text.startswith("tcp:"):
        address = parse_address(text.removeprefix("tcp:"), where)
        if address.port:
            return _TcpProbe(address.host, address.port)
    raise ConfigError(f"{where} = {text!r}; want http://HOST:PORT/health, or tcp:HOST:PORT")
