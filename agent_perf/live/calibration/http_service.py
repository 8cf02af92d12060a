"""
The user's own HTTP service: connections, and named requests.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from itertools import cycle
from typing import Final
from urllib.parse import urlsplit

from agent_perf.errors import BrokenError
from agent_perf.live.asking import Answer, Asker
from agent_perf.live.calibration.collected import Collected, Origin, where_is
from agent_perf.live.calibration.connecting import connector
from agent_perf.live.calibration.sampling import Sampler
from agent_perf.live.calibration.telling import failures_told
from agent_perf.live.request import ReadyRequest

_PORTS: Final = {"http": 80, "https": 443}


async def collect_http(
    url: str, requests: Sequence[ReadyRequest], sampler: Sampler
) -> tuple[Collected, ...]:
    """
    Return latencies of the HTTP service at *url*.

    Args:
        url: Its address; whether it may be asked was asked before.
        requests: At least one, none a stream; asked in turns.
        sampler: How often, and how many times.

    Raises:
        BrokenError: If it cannot be reached, or an answer is not what its request wants.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS.get(parts.scheme, 80)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    with failures_told("service", url, OSError):
        connect, close = connector(host, port, tls)
        connects = await sampler.collect("http.connect", connect, after=close)
    waits = await _answers(url, requests, sampler)
    origin = Origin(
        service="HTTP over TLS" if tls else "HTTP",
        where=where_is(host),
        rate_hz=sampler.rate_hz,
    )
    names = ", ".join(request.name for request in requests)
    return (
        Collected(
            name="http.connect",
            how="TCP and TLS, without the client's CPU time and the name's look-up",
            waits_ns=connects,
            origin=origin,
        ),
        Collected(
            name="http.request",
            how=f"{names}: until the answer's last byte, on an open connection, without the "
            "client's CPU time",
            waits_ns=waits,
            origin=origin,
        ),
    )


async def _answers(url: str, requests: Sequence[ReadyRequest], sampler: Sampler) -> tuple[int, ...]:
    turns = cycle(requests)
    last: list[Answer] = []

    async with Asker(url, connections_max=1) as asker:

        async def ask() -> None:
            last.append(await asker.ask(next(turns)))

        async def check() -> None:
            while last:
                answer = last.pop()
                if not answer.is_good:
                    # What a service takes to fail is not what it takes.
                    raise BrokenError(
                        f"request {answer.name!r} was not answered as it should be: "
                        f"{answer.error}: {answer.detail}"
                    )

        return await sampler.collect("http.request", ask, after=check)
