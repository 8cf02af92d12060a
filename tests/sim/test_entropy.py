"""Randomness that programs ask of the machine."""

import os
import random
import secrets
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agent_perf.sim import SimLoop, request_scope, simulate

SOURCES: dict[str, Callable[[], object]] = {
    "uuid4": lambda: uuid.uuid4().hex,
    "token": secrets.token_hex,
    "system": lambda: random.SystemRandom().random(),
    "urandom": lambda: os.urandom(9).hex(),
    "unseeded": lambda: random.Random().random(),
    "module": random.random,
    "numpy": lambda: float(np.random.random()),
    "numpy generator": lambda: float(np.random.default_rng().random()),
}


def _draw(name: str, seed: int) -> object:
    async def main(loop: SimLoop) -> object:
        return SOURCES[name]()

    return simulate(main, seed=seed)


@pytest.mark.parametrize("name", SOURCES)
def test_it_depends_on_the_seed_alone(name: str) -> None:
    """Equal seeds give equal values, other seeds others; outside it is the machine's again."""
    assert _draw(name, 1) == _draw(name, 1)
    assert _draw(name, 1) != _draw(name, 2)
    assert SOURCES[name]() != SOURCES[name]()


def test_processes_agree() -> None:
    """Another process, with another hash seed, draws the same."""
    code = (
        "from tests.sim.test_entropy import SOURCES, _draw; print([_draw(n, 7) for n in SOURCES])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "5"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert str([_draw(name, 7) for name in SOURCES]) == printed.strip()


def test_a_request_has_ids_of_its_own() -> None:
    """One id more in one request changes none in another."""

    async def main(loop: SimLoop, more: int) -> list[uuid.UUID]:
        with request_scope(1):
            ids = [uuid.uuid4() for _ in range(1 + more)]
        with request_scope(2):
            return [ids[0], uuid.uuid4()]

    one = simulate(lambda loop: main(loop, 0))

    assert one == simulate(lambda loop: main(loop, 1))
    assert one[0] != one[1]


def test_other_threads_keep_the_machines() -> None:
    """A thread beside the simulation gets real entropy."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        async def main(loop: SimLoop) -> tuple[bytes, bytes]:
            future = pool.submit(os.urandom, 8)
            while not future.done():
                pass
            return future.result(), os.urandom(8)

        first, second = simulate(main), simulate(main)

    assert first[0] != second[0]
    assert first[1] == second[1]


def test_ids_stay_valid() -> None:
    """Ids stay valid: version and variant bits are set, and none comes twice."""

    async def main(loop: SimLoop) -> list[uuid.UUID]:
        return [uuid.uuid4() for _ in range(1_000)]

    ids = simulate(main)

    assert {4} == {one.version for one in ids}
    assert 1_000 == len(set(ids))
