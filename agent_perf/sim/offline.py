"""
The part of an event loop that would reach out of the simulation: it refuses.

Unless the simulation has a network of its own, in memory: see `agent_perf.sim.wire`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from agent_perf.sim.refusal import Refusals

_METHODS: Final = (
    "add_reader",
    "add_writer",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_datagram_endpoint",
    "create_unix_connection",
    "create_unix_server",
    "sendfile",
    "sock_accept",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendfile",
    "sock_sendto",
    "start_tls",
    "subprocess_exec",
    "subprocess_shell",
)
_NETWORKED: Final = (
    "create_connection",
    "create_server",
    "getaddrinfo",
    "getnameinfo",
    "sock_connect",
)
"""These are methods of the network, too."""


class OfflineLoop(asyncio.BaseEventLoop):
    """
    A loop whose I/O methods raise RealWorldAccess, saying what was asked for.

    Attributes:
        refusals: What was refused so far.
        network: What answers in the place of sockets; None: nothing does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusals = Refusals()
        self.network: object | None = None

    def _process_events(self, event_list: list[object]) -> None:
        """There are none: nothing outside can wake a simulation."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that would have to be woken."""


def _networked(name: str) -> Callable[..., object]:
    refuse = _refusing(name)

    def ask(self: OfflineLoop, *args: object, **kwargs: object) -> object:
        if self.network is None:
            refuse(self, *args, **kwargs)
        return getattr(self.network, name)(*args, **kwargs)

    ask.__name__ = name
    return ask


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: OfflineLoop, *args: object, **kwargs: object) -> NoReturn:
        given = [repr(arg) for arg in args] + [f"{key}={arg!r}" for key, arg in kwargs.items()]
        self.refusals.refuse(
            f"loop.{name}({', '.join(given)[:200]})",
            "there are no sockets, pipes and processes here: give the client a service of "
            "agent_perf.sim, such as SimHttp.transport() or SimRedis.client(); in a scenario of "
            "one function httpx, redis.asyncio and SQLAlchemy need none, and other libraries are "
            "not simulated: let the scenario replace that part of the program",
        )

    refuse.__name__ = name
    return refuse


for _name in _METHODS:
    setattr(OfflineLoop, _name, _refusing(_name))
for _name in _NETWORKED:
    setattr(OfflineLoop, _name, _networked(_name))
