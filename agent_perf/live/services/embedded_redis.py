"""
A Redis of one run: on a port of its own, and nothing of it stays.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agent_perf.live.services.address import Service, ServiceAddress
from agent_perf.live.services.guarded import Guarded, ServerOrder
from agent_perf.live.services.ports import LOOPBACK, ReservedPort
from agent_perf.live.services.programs import Program
from agent_perf.live.services.scratch import note_process, scratch_folder

_START_S: Final = 20.0


@contextmanager
def embedded_redis(program: Program) -> Iterator[ServiceAddress]:
    """
    Give the address of a Redis that was just started, and stop it at the end.

    Raises:
        BrokenError: If it cannot be started.
    """
    password = secrets.token_hex(16)
    with ReservedPort() as port, scratch_folder() as folder:
        # Read from standard input: a command line is seen by all users of the machine.
        lines = (
            f"bind {LOOPBACK}",
            f"port {port.number}",
            f"requirepass {password}",
            f"dir {folder}",
            # What is written goes nowhere: a fork for a snapshot would be noise.
            'save ""',
            "appendonly no",
            "databases 16",
            "",
        )
        server = Guarded(
            ServerOrder(
                name=program.name,
                command=[str(program.path), "-"],
                folder=folder,
                log=folder / "log",
                input="\n".join(lines),
                # It has nothing to put away.
                stop_signal=signal.SIGKILL,
                remove=str(folder),
            )
        )
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(host=LOOPBACK, port=port.number, password=password, retry=once)
        try:
            server.start()
            note_process(folder, server.pid)
            server.wait_until(lambda: _answers(client), _START_S)
            yield ServiceAddress(
                service=Service.REDIS,
                url=f"redis://:{password}@{LOOPBACK}:{port.number}/0",
                about=program.name,
                is_embedded=True,
            )
        finally:
            client.close()
            server.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
