"""Saying no: the place, the first cause, and no way around it."""

import contextlib
import os
import re
import socket
import threading
import time

import pytest

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.refusal import whose


def test_a_line_in_a_library_is_told_with_its_caller() -> None:
    """
    If a library tried, both its line and the line that called it are named.
    """

    async def main(loop: SimLoop) -> None:
        import redis.asyncio

        async with redis.asyncio.Redis(host="127.0.0.1", port=1, retry=None) as client:
            await client.ping()

    with pytest.raises(RealWorldAccess) as caught:
        simulate(main)

    line = main.__code__.co_firstlineno + 4
    assert f"at {__file__}:{line} in " in str(caught.value)
    assert re.search(r"through \S*redis/asyncio/connection\.py:\d+ in ", str(caught.value))


def test_swallowing_the_error_does_not_help() -> None:
    """
    A simulation in which something was refused fails, even if the code carried on.
    """

    async def main(loop: SimLoop) -> str:
        try:
            time.sleep(1)  # noqa: ASYNC251  # The mistake under test.
        except Exception:  # noqa: BLE001  # Likewise.
            return "carried on"
        return "slept"

    with pytest.raises(RealWorldAccess, match=r"time\.sleep\(1\)"):
        simulate(main)


def test_the_first_refusal_is_told() -> None:
    """
    Of several that were swallowed, the first is raised: the others may follow from it.
    """

    async def main(loop: SimLoop) -> None:
        for attempt in (lambda: os.system("true"), lambda: socket.gethostbyname("localhost")):
            with contextlib.suppress(RealWorldAccess):
                attempt()

    with pytest.raises(RealWorldAccess, match=r"os\.system"):
        simulate(main)


def test_wrapping_the_error_does_not_help() -> None:
    """
    If a client turns the refusal into an error of its own, the refusal is what is raised.
    """

    async def main(loop: SimLoop) -> None:
        try:
            socket.getaddrinfo("localhost", 80)
        except RealWorldAccess:
            raise ConnectionError("server unreachable") from None

    with pytest.raises(RealWorldAccess, match=r"socket\.getaddrinfo") as caught:
        simulate(main)

    assert "server unreachable" == str(caught.value.__cause__)


def test_an_installed_simulator_is_no_library_of_the_program() -> None:
    """
    Its own lines are passed over, also below site-packages; other packages' are told.
    """
    own = "/venv/lib/python3.12/site-packages/agent_perf/sim"

    assert "own" == whose(f"{own}/guard.py", own)
    assert "library" == whose("/venv/lib/python3.12/site-packages/redis/client.py", own)
    assert "python" == whose(threading.__file__, own)
    assert "user" == whose("/home/ada/shop/main.py", own)
