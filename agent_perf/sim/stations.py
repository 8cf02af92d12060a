"""
A queue with several servers, without a task per server.

When a customer is done is known on arrival: as soon as the first server is free, plus
the service. So a wait costs one heap operation, and one timer of the caller's.
"""

from __future__ import annotations

from heapq import heapreplace

from agent_perf.errors import ConfigError


class Station:
    """
    First come, first served, by *servers* >= 1 equal servers.

    Source: Kiefer & Wolfowitz, "On the theory of queues with many servers" (1955); with
    one server, Lindley's recursion (1952).
    """

    __slots__ = ("_free_ns",)

    def __init__(self, servers: int) -> None:
        if servers < 1:
            raise ConfigError(f"a station with {servers} servers; want 1 or more")
        # When each server is free, as a heap; equal entries need no order.
        self._free_ns = [0] * servers

    @property
    def servers(self) -> int:
        """Number of servers."""
        return len(self._free_ns)

    def serve(self, arrival_ns: int, service_ns: int) -> int:
        """
        Return when a customer will be done who arrives at *arrival_ns*.

        Customers are served in the order of these calls, so call in order of arrival.

        Args:
            arrival_ns: Loop time, >= 0.
            service_ns: Time with a server, >= 0.
        """
        start_ns = max(arrival_ns, self._free_ns[0])
        heapreplace(self._free_ns, start_ns + service_ns)
        return start_ns + service_ns
