"""
Locust's users: one per worker who sends what arrives, or as many who wait for their answers.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Final

import gevent
from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, task
from locust.contrib.fasthttp import LocustUserAgent
from locust.env import Environment
from locust.exception import StopUser

from agent_perf.live.locust.bounded import bound
from agent_perf.live.locust.channel import Channel
from agent_perf.live.locust.clock import now_ns
from agent_perf.live.locust.exchange import exchange
from agent_perf.live.locust.tally import Tally
from agent_perf.live.locust.target import Target
from agent_perf.live.locust.wire import ARRIVAL, Plan
from agent_perf.units import NS

_READ_RECORDS: Final = 4096
_ID_STEP: Final = 1 << 32
_ANY_STATUS: Final = frozenset(range(1_000))

BACKLOG_NS: Final = NS
"""
So long after the load's end what should have been sent before still is: what arrives all at once
at its end takes a while. Beyond, it would be another load than the one that was asked for.
"""


class Crew:
    """
    What the users of one worker share.

    Args:
        channel: To us.
        target: What they ask.
    """

    def __init__(self, channel: Channel, target: Target) -> None:
        self.channel, self.target = channel, target
        self.plan: Plan = channel.plan
        self._tally: Tally | None = None
        self._joined = self._left = 0

    @property
    def size(self) -> int:
        """How many users Locust puts on this worker."""
        if not self.plan.users:
            return 1
        return len(range(self.plan.worker, self.plan.users, self.plan.workers))

    def join(self) -> int:
        """Return the number of a new user on this worker."""
        self._joined += 1
        return self._joined - 1

    @property
    def joined(self) -> int:
        """How many there are."""
        return self._joined

    @property
    def tally(self) -> Tally:
        """What was asked; the load has begun."""
        if self._tally is None:
            self._tally = Tally(self.channel)
        return self._tally

    def leave(self) -> None:
        """One user has its last answer; with the last user of all, the worker is done."""
        self._left += 1
        if self._left == self.size:
            self.tally.close()

    def serve(self, agent: LocustUserAgent, request_id: int, name: int, intended_ns: int) -> None:
        """Make one request that was to start at *intended_ns* of the load, and take it down."""
        tally = self.tally
        tally.begin(request_id, intended_ns)
        sent_ns = now_ns()
        told = exchange(agent, self.target.base, self.target.requests[name])
        tally.end(request_id, name, intended_ns, sent_ns, told)


def user_class(crew: Crew | None) -> type[FastHttpUser]:
    """Return the class of users; None: for the master, who only counts them."""

    class Visitor(FastHttpUser):
        """One who asks."""

        insecure = False
        concurrency = 1

        def __init__(self, environment: Environment) -> None:
            if crew is not None:
                longest_s = 2 * max(one.timeout_s for one in crew.target.requests)
                # Each request has its own limit, for the whole of its answer.
                self.network_timeout = self.connection_timeout = longest_s
                if not crew.plan.users:
                    self.concurrency = crew.plan.in_flight_max
            super().__init__(environment)

        @task
        def visit(self) -> None:
            """Ask until the load is over."""
            assert crew is not None
            agent = self.client.client
            # Which status is a good one, the request says.
            vars(agent)["valid_response_codes"] = _ANY_STATUS
            _prepare(agent.clientpool, crew.target.base)
            number = crew.join()
            crew.channel.go.wait()
            if crew.plan.users:
                _ask_in_turn(crew, agent, number)
            else:
                _send_what_arrives(crew, agent)
            crew.leave()
            raise StopUser

    return Visitor


def _prepare(clients: HTTPClientPool, base: str) -> None:
    pool = clients.get_client(base)._connection_pool
    bound(pool)
    # The client tries as often as it may have connections, in case all of them are stale: with
    # 300, one GET to a server that hangs up at once was 302.
    pool.size = 0


def _send_what_arrives(crew: Crew, agent: LocustUserAgent) -> None:
    """Start each request at its instant, whatever became of those before; return after the last."""
    zero_ns, stop = crew.channel.begin_ns, crew.channel.stop
    end_ns = zero_ns + round(crew.plan.for_s * NS) + BACKLOG_NS
    tally = crew.tally
    arrivals = _arrivals(crew.plan.arrivals)
    for request_id, at_ns, name in arrivals:
        while (wait_ns := zero_ns + at_ns - now_ns()) > 0 and not stop.is_set():
            stop.wait(wait_ns / NS)
        if stop.is_set():
            break
        if now_ns() > end_ns:
            tally.unsent = 1 + sum(1 for _ in arrivals)
            break
        if tally.in_flight >= crew.plan.in_flight_max:
            tally.drop(request_id, name, at_ns)
            continue
        gevent.spawn(crew.serve, agent, request_id, name, at_ns)
        # What was only spawned is not under way yet, and would not count against the limit.
        gevent.sleep(0)
    while tally.in_flight:
        gevent.sleep(0.01)


def _arrivals(handle: int) -> Iterator[tuple[int, int, int]]:
    with os.fdopen(handle, "rb") as file:
        while piece := file.read(ARRIVAL.size * _READ_RECORDS):
            yield from ARRIVAL.iter_unpack(piece)


def _ask_in_turn(crew: Crew, agent: LocustUserAgent, number: int) -> None:
    """Ask, wait for the answer, think, and ask again, until the time is over."""
    plan, channel = crew.plan, crew.channel
    user = plan.worker + number * plan.workers
    dice = random.Random(f"{plan.seed} {user}")
    names = range(len(plan.weights))
    end_ns = channel.begin_ns + round(plan.for_s * NS)
    _wait_until(crew, channel.begin_ns)
    index = 0
    while now_ns() < end_ns and not channel.stop.is_set():
        name = dice.choices(names, plan.weights)[0]
        crew.serve(agent, user * _ID_STEP + index, name, now_ns() - channel.begin_ns)
        index += 1
        if plan.think_s:
            channel.stop.wait(plan.think_s)


def _wait_until(crew: Crew, at_ns: int) -> None:
    while (wait_ns := at_ns - now_ns()) > 0 and not crew.channel.stop.is_set():
        crew.channel.stop.wait(wait_ns / NS)
