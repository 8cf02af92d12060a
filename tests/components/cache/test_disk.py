from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import DiskCache
from agent_perf.components.errors import SerializerError, StoreUnavailableError
from agent_perf.errors import ConfigError
from tests.components.cache.disk import real, simulated
from tests.components.fakes import Hands


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.db"


@pytest.mark.parametrize("tell", [simulated, real])
def test_outlives_its_process(tell: Callable, path: Path) -> None:
    """
    What one cache stored, the next one finds; what was deleted, it does not.
    """

    async def fill(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("key", b"value")
        await cache.set("other", b"")
        await cache.set("gone", b"soon")
        return [await cache.delete("gone"), await cache.delete("gone")]

    async def look(cache: DiskCache[bytes]) -> list[object]:
        return [await cache.get(key) for key in ("key", "other", "gone")]

    assert [True, False] == tell(path, fill)
    assert [b"value", b"", None] == tell(path, look)


def test_expires_in_virtual_time(path: Path) -> None:
    """
    An entry of 10 s is found until then, with the seconds it has left, and not at 10 s.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("key", b"value", ttl_s=10)
        await cache.set("ever", b"value")
        await asyncio.sleep(9)
        found = await cache.find("key")
        await asyncio.sleep(1)
        return [found, await cache.find("key"), await cache.find("ever")]

    assert [(b"value", 1.0), None, (b"value", None)] == simulated(path, story)


def test_what_comes_at_once_is_one_batch(path: Path) -> None:
    """
    A hundred writes and reads that come while the disk is busy are done together, in the
    order in which they came.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("key", b"0")
        before = cache.stats().batches
        calls: list[Awaitable[object]] = []
        for n in range(1, 51):
            calls += [cache.set("key", b"%d" % n), cache.get("key")]
        got = await asyncio.gather(*calls)
        return [got[1::2] == [b"%d" % n for n in range(1, 51)], cache.stats().batches - before]

    assert [True, 1] == simulated(path, story)
    right_order, batches = real(path, story)
    assert right_order
    assert batches <= 2


def test_bytes_are_bounded_and_the_used_stay(path: Path) -> None:
    """
    However much is set, no more than bytes_max is held; what is read meanwhile stays, and
    one value that is larger than all is not stored.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("wanted", b"x" * 1000)
        held_bytes = 0
        for n in range(200):
            await cache.set(f"key-{n}", b"x" * 1000)
            assert await cache.get("wanted")
            held_bytes = max(held_bytes, (await cache.size())[1])
        stored = await cache.set("huge", b"x" * 20_001)
        entry_count, _ = await cache.size()
        return [
            held_bytes <= 20_000,
            stored,
            cache.stats().rejected,
            entry_count + cache.stats().evictions,
        ]

    assert [True, False, 1, 201] == simulated(path, story, bytes_max=20_000)


def test_total_is_the_sum_of_the_entries(path: Path) -> None:
    """
    What the file says of its size is what its entries come to, after writing over, deleting,
    evicting and clearing.
    """

    async def story(cache: DiskCache[bytes]) -> None:
        for n in range(300):
            await cache.set(f"key-{n % 40}", b"x" * (n * 37 % 300))
            if n % 7 == 0:
                await cache.delete(f"key-{n % 11}")

    simulated(path, story, bytes_max=3000)
    with sqlite3.connect(path) as connection:
        assert (
            connection.execute("SELECT size_bytes, entry_count FROM total").fetchone()
            == connection.execute(
                "SELECT sum(length(value) + length(key)), count(*) FROM entries"
            ).fetchone()
        )
    connection.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.text(max_size=3), st.binary(max_size=9), st.integers(1, 9)),
        st.tuples(st.just("get"), st.text(max_size=3)),
        st.tuples(st.just("delete"), st.text(max_size=3)),
        st.tuples(st.just("pass"), st.integers(1, 5)),
        st.tuples(st.just("reopen")),
        st.tuples(st.just("clear")),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(script=steps)
def test_agrees_with_a_dict(script: list[tuple], tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    Without a bound that matters, it answers as a dict with expiries does, whatever the
    keys, also across reopening.
    """
    clock = Hands()
    path = tmp_path_factory.mktemp("disk") / "cache.db"

    async def story(cache: DiskCache[bytes]) -> None:
        plain: dict[str, tuple[bytes, float]] = {}
        for step in script:
            match step:
                case "set", key, value, ttl_s:
                    plain[key] = value, clock() + ttl_s
                    assert await cache.set(key, value, ttl_s=ttl_s)
                case "get", key:
                    value, expires_s = plain.get(key, (None, 0.0))
                    assert (value if expires_s > clock() else None) == await cache.get(key)
                case "delete", key:
                    assert (plain.pop(key, None) is not None) == await cache.delete(key)
                case "pass", seconds:
                    clock.now_s += seconds
                case ("reopen",):
                    await cache.aclose()
                case ("clear",):
                    plain.clear()
                    await cache.clear()
        assert len(plain) == (await cache.size())[0]

    simulated(path, story, clock=clock)


def test_loop_goes_on_while_the_disk_is_slow(path: Path) -> None:
    """
    While the disk takes its time other tasks run, and cancelled callers leave at once; what
    they had set is stored all the same.
    """
    let_go = threading.Event()

    async def stuck(work: Callable[[], list]) -> list:
        await asyncio.to_thread(let_go.wait)
        return work()

    async def story(cache: DiskCache[bytes]) -> list[object]:
        writing = asyncio.create_task(cache.set("key", b"value"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(cache.get("key")), 0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.set("left", b"value"), 0.01)
        # The first two are with the disk already.
        waiting = cache.stats().waiting_count
        let_go.set()
        return [waiting, await writing, await cache.get("key"), await cache.get("left")]

    assert [1, True, b"value", b"value"] == real(path, story, run=stuck)


def test_failing_disk_is_gone_on_without(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    A disk that fails makes reads miss and writes return False, says so once, is told by
    health, and refuses removals; when it is back, so is the cache.
    """
    fails = True

    async def failing(work: Callable[[], list]) -> list:
        if fails:
            raise sqlite3.OperationalError("database or disk is full")
        return work()

    async def story(cache: DiskCache[bytes]) -> list[object]:
        nonlocal fails
        got = [await cache.get("key"), await cache.set("key", b"value"), cache.is_up]
        got.append((await cache.health()).detail)
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            await cache.delete("key")
        fails = False
        got += [await cache.set("key", b"value"), await cache.get("key"), cache.is_up]
        return got

    with caplog.at_level(logging.WARNING):
        got = simulated(path, story, run=failing)
    assert [None, False, False] == got[:3]
    assert "disk is full" in got[3]
    assert [True, b"value", True] == got[4:]
    assert 1 == sum("going on without disk cache" in message for message in caplog.messages)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.close()


def test_lock_of_another_process_is_waited_for_at_most_so_long(path: Path) -> None:
    """
    While another process holds the write lock, reads are answered and a write gives up
    after busy_s; afterwards it works.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("key", b"old")
        with locked(path):
            got = [await cache.get("key"), await cache.set("key", b"new")]
        return [*got, await cache.set("key", b"new"), await cache.get("key")]

    assert [b"old", False, True, b"new"] == real(path, story, busy_s=0.01)


def test_keys_and_values_that_cannot_be_stored_hurt_nobody_else(path: Path) -> None:
    """
    A key that UTF-8 cannot write and a value that is no bytes are errors of their callers;
    those beside them in the batch are stored.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        got = await asyncio.gather(
            cache.set("good", b"value"),
            cache.set("\ud800", b"value"),
            cache.set("typed", "text"),
            cache.set("nul\0l", b"value"),
            return_exceptions=True,
        )
        return [*got, await cache.get("good"), await cache.get("nul\0l")]

    good, bad, typed, nul, *found = simulated(path, story)
    assert (True, True, [b"value", b"value"]) == (good, nul, found)
    assert isinstance(bad, ConfigError)
    assert isinstance(typed, SerializerError)


def test_ten_megabytes_and_ten_thousand_callers(path: Path) -> None:
    """
    A value of 10 MB comes back whole, and 10,000 callers at once all get their own value.
    """

    async def story(cache: DiskCache[bytes]) -> list[object]:
        large = os.urandom(1 << 20) * 10
        await cache.set("large", large)
        await asyncio.gather(*(cache.set(f"{n}", b"%d" % n) for n in range(10_000)))
        got = await asyncio.gather(*(cache.get(f"{n}") for n in range(10_000)))
        return [large == await cache.get("large"), got == [b"%d" % n for n in range(10_000)]]

    assert [True, True] == real(path, story)


def test_clock_jumps(path: Path) -> None:
    """
    A clock that jumps forwards lets entries expire; put back by an hour, they live that
    hour longer and no more.
    """
    clock = Hands(10_000.0)

    async def story(cache: DiskCache[bytes]) -> list[object]:
        await cache.set("key", b"value", ttl_s=60)
        clock.now_s += 3600
        got = [await cache.get("key")]
        clock.now_s -= 7200
        got += [await cache.get("key")]
        clock.now_s += 3600 + 60
        return [*got, await cache.get("key")]

    assert [None, b"value", None] == simulated(path, story, clock=clock)


def test_next_loop_gets_it_too(path: Path) -> None:
    """
    A cache at module level serves one event loop after another, even one that left calls
    behind.
    """
    cache: DiskCache[bytes] = DiskCache(path)

    async def leave() -> None:
        asyncio.create_task(cache.set("key", b"value"))  # noqa: RUF006 (left on purpose)
        await asyncio.sleep(0)

    async def use() -> bytes | None:
        await cache.set("key", b"new")
        got = await cache.get("key")
        await cache.aclose()
        return got

    asyncio.run(leave())
    assert b"new" == asyncio.run(use())


FORKED = """
import asyncio, os, sys
from agent_perf.components import DiskCache

cache = DiskCache(sys.argv[1])

async def use(name, other):
    for n in range(50):
        assert await cache.set(f"{name}-{n}", b"%d" % n)
    return await cache.get(f"{other}-49")

async def leave():
    for n in range(200):
        asyncio.create_task(cache.set(f"left-{n}", b"x" * 50_000))
    await asyncio.sleep(0.001)

asyncio.run(use("before", "none"))
if sys.argv[2] == "busy":
    # Its thread goes on with the batch.
    asyncio.run(leave())
child = os.fork()
if child == 0:
    assert asyncio.run(asyncio.wait_for(use("child", "none"), 20)) is None
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(use("parent", "child")) == b"49"
assert asyncio.run(use("parent", "before")) == b"49"
"""


@pytest.mark.parametrize("moment", ["idle", "busy"])
def test_fork_leaves_two_that_share_the_file(path: Path, moment: str) -> None:
    """
    A cache that was used before a fork serves parent and child, and each finds the other's.
    """
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(path), moment]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ("", 0) == (done.stderr, done.returncode)
    with sqlite3.connect(path) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()


@pytest.mark.parametrize("options", [{"bytes_max": 0}, {"busy_s": -1.0}, {"ttl_s": 0.0}])
def test_bad_arguments_are_refused(path: Path, options: dict[str, float]) -> None:
    """
    A cache that can hold nothing, or waits for less than no time, is refused.
    """
    with pytest.raises(ConfigError, match="want"):
        DiskCache(path, **options)
