"""
Names and addresses of a network in memory: each host has one of either.
"""

from __future__ import annotations

from typing import Final

LOCALHOST: Final = "localhost"
CLIENT_ADDRESS: Final = "10.255.0.1"
"""Where clients are."""

_LOCAL_NAMES: Final = frozenset({"", LOCALHOST, "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104
_LOCAL_ADDRESS: Final = "127.0.0.1"


class Names:
    """The hosts that exist, in the order in which they were named."""

    def __init__(self) -> None:
        self._addresses = {LOCALHOST: _LOCAL_ADDRESS}
        self._names = {_LOCAL_ADDRESS: LOCALHOST}

    def __contains__(self, name: str) -> bool:
        return name in self._addresses

    def name(self, host: str | bytes | None) -> str:
        """Return the name of *host*, which may be an address; it need not exist."""
        name = host.decode() if isinstance(host, bytes) else (host or "")
        name = name.lower().rstrip(".")
        return LOCALHOST if name in _LOCAL_NAMES else self._names.get(name, name)

    def address(self, name: str) -> str:
        """Return the address of host *name*, which exists from now on."""
        address = self._addresses.get(name)
        if address is None:
            number = len(self._addresses)
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            self._addresses[name] = address
            self._names[address] = name
        return address
