from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent_perf.components import (
    DatabaseUnavailableError,
    PoolExhaustedError,
    QueryError,
    QueryTimeoutError,
    SqlitePool,
)
from agent_perf.errors import ConfigError

# Hundreds of millions of steps: minutes, if nobody ends it.
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) SELECT max(i) AS n FROM n"


def tell(path: Path, story: Callable[[SqlitePool], Awaitable[object]], **options: object) -> object:
    """Run *story* with a pool over a file with two users."""

    async def main() -> object:
        async with SqlitePool(path / "data.db", **options) as pool:
            await pool.write("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            await pool.write("INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace')")
            return await story(pool)

    return asyncio.run(main())


def test_rows_and_writes(tmp_path: Path) -> None:
    """
    Rows come by place and by attribute, parameters go by name; writes tell how many rows they
    touched, RETURNING is over when it returns, and what SQLite refuses is a QueryError.
    """

    async def story(pool: SqlitePool) -> None:
        row = await pool.read_one("SELECT id, name FROM users WHERE id = :id", {"id": 2})
        assert row is not None
        assert (2, "Grace", (2, "Grace")) == (row.id, row[1], tuple(row))
        assert None is await pool.read_one("SELECT 1 FROM users WHERE id = :id", {"id": 3})
        assert [] == list(await pool.read("PRAGMA foreign_keys = ON"))
        assert 2 == await pool.write("UPDATE users SET name = :n || ':n'", {"n": "x"})
        assert 1 == await pool.write("INSERT INTO users VALUES (3, 'y') RETURNING id")
        assert ["x:n", "x:n", "y"] == [r.name for r in await pool.read("SELECT name FROM users")]
        with pytest.raises(QueryError, match="UNIQUE") as double:
            await pool.write("INSERT INTO users VALUES (1, 'z')")
        assert "SQLITE_CONSTRAINT_PRIMARYKEY" == double.value.sqlstate
        with pytest.raises(QueryError, match="nonsense"):
            await pool.read("SELECT nonsense")
        await pool.write("ALTER TABLE users ADD COLUMN age INTEGER DEFAULT 7")
        assert (1, "x:n", 7) == tuple((await pool.read("SELECT * FROM users"))[0])
        assert (await pool.health()).is_up
        stats = pool.query_stats()["SELECT nonsense"]
        assert (1, 1) == (stats.count, stats.errors)
        assert 1 == pool.statement_stats()["SELECT id, name FROM users WHERE id = ?1"].uses

    tell(tmp_path, story)


def test_everybody_gets_their_own(tmp_path: Path) -> None:
    """
    Of 2,000 readers at once, a third of whom leave, each who stays gets the row with its key.
    """

    async def story(pool: SqlitePool) -> None:
        readers = [
            asyncio.create_task(pool.read_one("SELECT :key AS key", {"key": key}))
            for key in range(2_000)
        ]
        await asyncio.sleep(0.001)
        for reader in readers[::3]:
            reader.cancel()
        rows = await asyncio.gather(*readers, return_exceptions=True)
        for key, row in enumerate(rows):
            if isinstance(row, BaseException):
                assert key % 3 == 0
            else:
                assert row is not None
                assert key == row.key
        assert 0 == pool.stats().waiting

    tell(tmp_path, story, size=3)


def test_nobody_stands_behind_a_slow_one_alone(tmp_path: Path) -> None:
    """
    While one statement takes for ever, others are served by another thread, up to the size.
    """

    async def story(pool: SqlitePool) -> None:
        slow = asyncio.create_task(pool.read(ENDLESS, {"n": 10**10}))
        await asyncio.sleep(0.01)
        for key in range(20):
            row = await pool.read_one("SELECT :key AS key", {"key": key})
            assert row is not None
            assert key == row.key
        assert 2 == pool.stats().opened
        slow.cancel()

    tell(tmp_path, story, size=2)


def test_a_statement_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    """
    A statement that takes too long is a QueryTimeoutError; one whose caller has left is ended
    as well: on a pool of one thread the next reader is served either way.
    """

    async def story(pool: SqlitePool) -> None:
        with pytest.raises(QueryTimeoutError):
            await pool.read(ENDLESS, {"n": 10**10})
        left = asyncio.create_task(pool.read(ENDLESS, {"n": 10**10}))
        await asyncio.sleep(0.02)
        left.cancel()
        row = await pool.read_one("SELECT 17 AS n")
        assert row is not None
        assert 17 == row.n

    tell(tmp_path, story, size=1, statement_timeout_s=0.1)


def test_exhaustion_is_told_in_time(tmp_path: Path) -> None:
    """
    Who stands in line too long gets a PoolExhaustedError, and its statement is never run.
    """

    async def story(pool: SqlitePool) -> None:
        slow = asyncio.create_task(pool.read(ENDLESS, {"n": 10**10}))
        await asyncio.sleep(0.01)
        with pytest.raises(PoolExhaustedError):
            await pool.read("SELECT 1")
        slow.cancel()
        assert 1 == pool.stats().timeouts

    tell(tmp_path, story, size=1, timeout_s=0.05)


def test_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    """
    While a write is under way, readers see what was before it, at once; writers stand in line
    and lose nothing.
    """

    async def story(pool: SqlitePool) -> object:
        await pool.write("CREATE TABLE big (i INTEGER)")
        bulk = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO big SELECT i FROM n"
        writing = asyncio.create_task(pool.write(bulk))
        await asyncio.sleep(0.01)
        seen = await pool.read_one("SELECT count(*) AS n FROM big")
        assert not writing.done()
        assert await writing == 300_000
        await asyncio.gather(*(pool.write("UPDATE users SET id = id + 10") for _ in range(20)))
        assert seen is not None
        return [seen.n, [row.id for row in await pool.read("SELECT id FROM users")]]

    assert [0, [201, 202]] == tell(tmp_path, story)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """
    A folder that is not there, and a file that is no database, are DatabaseUnavailableErrors.
    """

    async def main(path: Path) -> None:
        async with SqlitePool(path) as pool:
            with pytest.raises(DatabaseUnavailableError):
                await pool.read("SELECT 1 FROM t")
            assert not (await pool.health()).is_up

    (tmp_path / "text").write_text("no database" * 100)
    asyncio.run(main(tmp_path / "nowhere" / "data.db"))
    asyncio.run(main(tmp_path / "text"))


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    """
    What a file's limit does not let through is no fault of the statement's.
    """

    async def main() -> None:
        async with SqlitePool(tmp_path / "data.db") as pool:
            await pool.write("CREATE TABLE t (x)")
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
            try:
                with pytest.raises(DatabaseUnavailableError, match="cannot be used: disk I/O"):
                    await pool.write("INSERT INTO t VALUES (zeroblob(4000000))")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    asyncio.run(main())


def test_after_close_nobody_is_served(tmp_path: Path) -> None:
    """
    What was in line at the end is served, what comes later is refused, and the file is whole.
    """

    async def main() -> None:
        pool = SqlitePool(tmp_path / "data.db")
        await pool.write("CREATE TABLE t (i INTEGER)")
        last = [asyncio.create_task(pool.write("INSERT INTO t VALUES (1)")) for _ in range(5)]
        await asyncio.sleep(0)
        await pool.aclose()
        assert [1] * 5 == await asyncio.gather(*last)
        with pytest.raises(DatabaseUnavailableError, match="closed"):
            await pool.read("SELECT 1")

    asyncio.run(main())
    raw = sqlite3.connect(tmp_path / "data.db")
    assert (5,) == raw.execute("SELECT count(*) FROM t").fetchone()
    raw.close()


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"timeout_s": 0}, {"statement_timeout_s": 0}, {"statements_max": 0}, {"synchronous": "x"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    """
    Sizes below 1, times that are not above 0, and databases in memory are ConfigErrors.
    """
    with pytest.raises(ConfigError):
        SqlitePool(tmp_path / "data.db", **options)
    with pytest.raises(ConfigError, match="memory"):
        SqlitePool(":memory:")
