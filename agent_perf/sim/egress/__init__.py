"""
Clients that a program makes itself, wherever and whenever, and a world that answers them.

Only for the length of a world: a client that was made when the program was imported reaches
the world's services instead of sockets, and has no memory of that world afterwards.
"""

from __future__ import annotations

from contextlib import ExitStack

from agent_perf.sim.egress.database import catch_database
from agent_perf.sim.egress.http import catch_http
from agent_perf.sim.egress.primitives import let_primitives_move
from agent_perf.sim.egress.redis import catch_redis
from agent_perf.sim.egress.services import Services

__all__ = ["Egress", "Services"]


class Egress:
    """
    What leaves a program, caught.

    Args:
        services: Who answers; each comes into being when it is first asked for.
        tier_is_wire: Whether they are on a network in memory.
    """

    def __init__(self, services: Services, *, tier_is_wire: bool) -> None:
        self._services = services
        self._wire = tier_is_wire
        self._stack = ExitStack()

    def open(self) -> None:
        """Catch from now on."""
        # Engines are taken over when they are first used: what gives them back is added then.
        stack = self._stack
        try:
            let_primitives_move(stack)
            catch_http(stack, self._services, wire=self._wire)
            catch_redis(stack, self._services, wire=self._wire)
            catch_database(stack, self._services)
        except BaseException:
            stack.close()
            raise

    def close(self) -> None:
        """Catch no more, and let clients forget what they were connected to."""
        self._stack.close()
