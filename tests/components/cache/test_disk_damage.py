"""What becomes of a disk cache when processes die, files break, and others write, too."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_perf.components import DiskCache, Serializer
from agent_perf.errors import ConfigError
from tests.components.cache.disk import real


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.db"


KILLED = """
import asyncio, sys
from agent_perf.components import DiskCache

async def main():
    cache = DiskCache(sys.argv[1], bytes_max=400_000)
    for n in range(10**9):
        await asyncio.gather(*(cache.set(f"{n}-{m}", b"%d." % n * 500) for m in range(5)))
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("rounds", [20, 90])
def test_kill_loses_nothing_that_was_acknowledged(path: Path, rounds: int) -> None:
    """
    After kill -9 in the middle of writes the file is sound, the last batch acknowledged is
    all there, and the total is right.
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for _ in range(rounds):
        last = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    last = int((writer.stdout.read().split() or [last])[-1])
    writer.wait()
    writer.stdout.close()

    async def story(cache: DiskCache[bytes]) -> list[object]:
        return [await cache.get(f"{last}-{m}") for m in range(5)]

    assert [b"%d." % last * 500] * 5 == real(path, story)
    with sqlite3.connect(path) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()
        assert (
            connection.execute("SELECT size_bytes FROM total").fetchone()
            == connection.execute("SELECT sum(length(value) + length(key)) FROM entries").fetchone()
        )
    connection.close()


def overwritten(path: Path) -> None:
    path.write_bytes(b"this was a cache once " * 500)


def torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))


def cut(path: Path) -> None:
    os.truncate(path, 5000)


@pytest.mark.parametrize("damage", [overwritten, torn, cut])
def test_damaged_file_is_set_aside(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """
    A file that is no database, or a broken one, is renamed and begun anew; the log says so,
    and the cache works on.
    """

    async def fill(cache: DiskCache[bytes]) -> None:
        await asyncio.gather(*(cache.set(f"key-{n}", b"x" * 1000) for n in range(50)))

    async def use(cache: DiskCache[bytes]) -> list[object]:
        first = [await cache.get(f"key-{n}") for n in range(50)]
        stored = await cache.set("key", b"value")
        sound = set(first) <= {None, b"x" * 1000}
        return [sound, stored, await cache.get("key"), cache.is_up, cache.stats().set_aside]

    real(path, fill)
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert [True, True, b"value", True, 1] == real(path, use)

    assert path.with_name("cache.db.damaged").exists()
    assert 1 == sum("is damaged" in message for message in caplog.messages)


def test_entry_that_is_not_what_was_stored_is_a_miss(path: Path) -> None:
    """
    Bytes that changed inside a sound database are found out by their checksum, and bytes
    that the serializer refuses are a miss; both are counted.
    """

    async def fill(cache: DiskCache[str]) -> None:
        await cache.set("flipped", "value")
        await cache.set("foreign", "value")

    real(path, fill, serializer=Serializer(str))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET value = x'00' WHERE key = 'flipped'")
    connection.close()

    async def look(cache: DiskCache[list[int]]) -> list[object]:
        return [
            await cache.get("flipped"),
            await cache.get("foreign"),
            cache.stats().damaged,
            cache.stats().misses,
        ]

    assert [None, None, 2, 2] == real(path, look, serializer=Serializer(list[int]))


def test_foreign_database_is_left_alone(path: Path) -> None:
    """
    A path at which another program's database lies is refused, and the database is whole.
    """
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()

    async def story(cache: DiskCache[bytes]) -> None:
        with pytest.raises(ConfigError, match="no cache of this version"):
            await cache.get("key")

    real(path, story)
    with sqlite3.connect(path) as connection:
        assert [("theirs",)] == connection.execute("SELECT name FROM sqlite_schema").fetchall()
    connection.close()


SHARER = """
import asyncio, sys
from agent_perf.components import DiskCache

async def main():
    cache = DiskCache(sys.argv[1], bytes_max=100_000)
    for n in range(100):
        key = f"{n % 20}"
        assert await cache.set(key, key.encode() * 1000), cache.stats()
        found = await cache.get(key)
        assert found in (None, key.encode() * 1000), found
    await cache.set(sys.argv[2], b"done", ttl_s=60)
    stats = cache.stats()
    assert stats.failures == stats.set_aside == stats.damaged == 0, stats
    await cache.aclose()

asyncio.run(main())
"""


def test_several_processes_share_it(path: Path) -> None:
    """
    Three processes that begin and write at once fail at nothing, see each other's entries,
    and keep one bound together.
    """
    sharers = [
        subprocess.Popen([sys.executable, "-c", SHARER, str(path), f"sharer-{n}"]) for n in range(3)
    ]
    assert [0, 0, 0] == [sharer.wait(60) for sharer in sharers]

    async def story(cache: DiskCache[bytes]) -> list[object]:
        return [await cache.get(f"sharer-{n}") for n in range(3)] + [
            (await cache.size())[1] <= 100_000
        ]

    assert [b"done"] * 3 + [True] == real(path, story)
