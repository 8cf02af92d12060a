"""
The user's own Redis: connections and round trips.

Nothing is written: a key is read that is not there.
"""

from __future__ import annotations

import ssl
from contextlib import closing
from secrets import token_hex
from typing import Any, Final

from redis import ConnectionPool, RedisError

from agent_perf.errors import UsageError
from agent_perf.live.calibration.collected import Collected, Origin, where_is
from agent_perf.live.calibration.connecting import TIMEOUT_S, connector
from agent_perf.live.calibration.sampling import Sampler
from agent_perf.live.calibration.telling import failures_told, shown

SERVER_NS: Final = 8_000
"""
What a simulated Redis adds to a trip for each command: its worker's time.

As ``COMMAND_NS`` of sim/services/redis.py, which would import fakeredis to be asked.
"""

_PREFIX: Final = "agent-perf:calibrate:"


async def collect_redis(url: str, sampler: Sampler) -> tuple[Collected, ...]:
    """
    Return latencies of the Redis at *url*.

    Args:
        url: ``redis://`` or ``rediss://``; whether it may be asked was asked before.
        sampler: How often, and how many times.

    Raises:
        UsageError: If *url* is none of a Redis.
        BrokenError: If it cannot be reached, or refuses to be asked.
    """
    with failures_told("Redis", url, RedisError, OSError):
        pool = _pool(url)
        with closing(pool):
            service = _service(pool)
            kwargs = pool.connection_kwargs
            host, port = str(kwargs.get("host", "localhost")), int(kwargs.get("port", 6379))
            connect, close = connector(host, port, _tls(url, kwargs))
            connects = await sampler.collect("redis.connect", connect, after=close)
            trips = await _trips(pool, sampler)
    origin = Origin(service=service, where=where_is(host), rate_hz=sampler.rate_hz)
    return (
        Collected(
            name="redis.connect",
            how="TCP and TLS, without the client's CPU time and the name's look-up",
            waits_ns=connects,
            origin=origin,
        ),
        Collected(
            name="redis.trip",
            how=f"GET of a missing key, without the client's CPU time and {SERVER_NS} ns of the "
            "server's, which a simulation adds itself",
            waits_ns=tuple(max(0, wait_ns - SERVER_NS) for wait_ns in trips),
            origin=origin,
        ),
    )


async def _trips(pool: ConnectionPool, sampler: Sampler) -> tuple[int, ...]:
    connection: Any = pool.make_connection()
    key = f"{_PREFIX}{token_hex(8)}"

    async def ask() -> None:
        connection.send_command("GET", key)
        connection.read_response()

    try:
        connection.connect()
        return await sampler.collect("redis.trip", ask)
    finally:
        connection.disconnect()


def _pool(url: str) -> ConnectionPool:
    try:
        return ConnectionPool.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
    except ValueError as error:
        raise UsageError(
            f"{shown(url)!r} is no address of a Redis; want redis://host:port/0"
        ) from error


def _service(pool: ConnectionPool) -> str:
    connection: Any = pool.make_connection()
    try:
        connection.connect()
        connection.send_command("INFO", "server")
        told = connection.read_response()
    except RedisError as error:
        if "NOPERM" in str(error):
            # Who may read keys need not be allowed to ask for the version.
            return "Redis"
        raise
    finally:
        connection.disconnect()
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    lines = dict(line.partition(":")[::2] for line in text.splitlines())
    return f"Redis {lines.get('redis_version', '').strip()[:20]}".strip()


def _tls(url: str, kwargs: dict[str, Any]) -> ssl.SSLContext | None:
    if not url.startswith("rediss:"):
        return None
    context = ssl.create_default_context(cafile=kwargs.get("ssl_ca_certs"))
    if kwargs.get("ssl_cert_reqs") in {"none", ssl.CERT_NONE}:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
