"""
Connections to a model that is served: over real sockets, and with bodies of bounded size.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final

from agent_perf.errors import UsageError
from agent_perf.sim import Reply

BODY_BYTES_MAX: Final = 32 << 20
"""Source: Anthropic, *API errors*, "Request size limits": 32 MB of a message."""

# On, and no time: the kernel sends a reset. Source: socket(7), SO_LINGER.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


def protocols(
    answer: Callable[[dict[str, Any], bytes], Awaitable[Reply]],
) -> Callable[[], asyncio.BaseProtocol]:
    """Return what makes the protocols of connections whose requests *answer* answers."""
    try:
        from agent_perf.sim.wire.http_host import HostProtocol, host_factory
    except ModuleNotFoundError as error:
        raise UsageError(
            f"serving a model needs the package {error.name!r}; pip install 'agent-perf[wire]'"
        ) from error

    class Connection(HostProtocol):
        """One connection over a real socket."""

        def hang_up(self, reason: str = "") -> None:
            if self.cycle is not None:
                self.cycle.disconnected = True
            transport: Any = self.transport
            sock = transport.get_extra_info("socket")
            if reason and sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            transport.abort()

    return host_factory(answer, Connection, body_bytes_max=BODY_BYTES_MAX)
