"""
What a process of Locust runs: the master, or one worker. Nothing of ours imports this but they.

Locust is used as a library, as its documentation shows: its command line would also read the
user's ``locust.conf`` and variables, which know nothing of this load.
"""

from __future__ import annotations

import gc
import resource

import gevent
import msgspec
from locust.env import Environment

from agent_perf.live.locust.channel import Channel
from agent_perf.live.locust.target import target_of
from agent_perf.live.locust.users import Crew, user_class
from agent_perf.live.locust.wire import PORT, READY

_LOCALHOST = "127.0.0.1"
_LOOK_S = 0.02


def master() -> None:
    """Wait for the workers, let them spawn their users, and stay until we are told to go."""
    channel = Channel()
    plan = channel.plan
    environment = Environment(user_classes=[user_class(None)], host=plan.url)
    runner = environment.create_master_runner(_LOCALHOST, 0)
    channel.send(PORT, msgspec.json.encode(runner.server.port))
    while len(runner.clients.ready) < plan.workers:
        gevent.sleep(_LOOK_S)
    count = plan.users or plan.workers
    runner.start(count, spawn_rate=count)
    runner.greenlet.join()


def worker() -> None:
    """Join the master, tell us when all users are there, and let them ask."""
    channel = Channel()
    plan = channel.plan
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crew = Crew(channel, target_of(plan))
    environment = Environment(user_classes=[user_class(crew)], host=crew.target.base)
    runner = environment.create_worker_runner(_LOCALHOST, plan.port)
    while crew.joined < crew.size:
        gevent.sleep(_LOOK_S)
    # What is there now stays to the end: no collection looks at it again.
    gc.collect()
    gc.freeze()
    channel.send(READY)
    runner.greenlet.join()
