from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import QueryCache, SharedQueryCache
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands

READ_S = 0.010
WRITE_S = 0.020


class Tables:
    """A database of counters: a read sees what is committed half-way through it."""

    def __init__(self) -> None:
        self.counts = {"a": 0, "b": 0}
        self.reads = 0
        self.fails = False

    async def read(self, sql: str, parameters: Any = None, /) -> list[tuple[int, ...]]:
        self.reads += 1
        await asyncio.sleep(READ_S / 2)
        seen = [(self.counts[name],) for name in ("a", "b") if name in sql.split()]
        await asyncio.sleep(READ_S / 2)
        return seen

    async def write(self, sql: str, parameters: Any = None, /) -> int:
        await asyncio.sleep(WRITE_S / 2)
        name = "a" if "a" in sql.split() else "b"
        self.counts[name] += 1
        await asyncio.sleep(WRITE_S / 2)
        if self.fails:
            raise ConnectionError
        return 1


def tell(story: Callable[[QueryCache, Tables], Awaitable[object]], **options: object) -> object:
    async def main(loop: SimLoop) -> object:
        tables = Tables()
        return await story(QueryCache(tables, **options), tables)

    return simulate(main)


A, B = "SELECT n FROM a", "SELECT n FROM b"


def test_a_result_is_kept_until_its_table_is_written() -> None:
    """
    The second read of a table asks nobody; after a write to it, and to no other, it does.
    """

    async def story(cached: QueryCache, tables: Tables) -> object:
        seen = [await cached.read(A), await cached.read(A), await cached.read(B)]
        assert 1 == await cached.write("UPDATE b SET n = n + 1")
        seen += [await cached.read(A), await cached.read(B)]
        stats = cached.stats()
        return [[row[0][0] for row in seen], tables.reads, stats.hits, stats.misses]

    assert [[0, 0, 0, 0, 1], 3, 2, 3] == tell(story)


def test_what_is_not_understood_forgets_everything() -> None:
    """
    A write that is not plain invalidates every table; a read that is not is refused, unless
    its tables are named.
    """

    async def story(cached: QueryCache, tables: Tables) -> object:
        await cached.read(A)
        await cached.write("SELECT change( a )")
        seen = [(await cached.read(A))[0][0]]
        with pytest.raises(ConfigError, match="tables="):
            await cached.read("SELECT count( a ) , now() FROM a")
        await cached.read("SELECT now() FROM a", tables=["a"])
        await cached.write("SELECT change( a )", tables=["a"])
        return [*seen, (await cached.read("SELECT now() FROM a", tables=["a"]))[0][0]]

    assert [1, 2] == tell(story)


@given(read_at_ms=st.integers(0, 40), again_at_ms=st.integers(0, 60), fails=st.booleans())
def test_no_read_is_older_than_the_last_write(
    read_at_ms: int, again_at_ms: int, fails: bool
) -> None:
    """
    Whenever reads begin around a write that takes 20 ms, one that begins after the write has
    come back sees it, be the write's answer an error; and once nobody writes, they agree.
    """

    async def story(cached: QueryCache, tables: Tables) -> None:
        tables.fails = fails

        async def read(at_ms: int) -> int:
            await asyncio.sleep(at_ms / 1000)
            row = (await cached.read(A))[0]
            return int(row[0])

        async def write() -> None:
            await asyncio.sleep(0.010)
            try:
                await cached.write("UPDATE a SET n = n + 1")
            except ConnectionError:
                assert fails

        first, again, _ = await asyncio.gather(read(read_at_ms), read(again_at_ms), write())
        for at_ms, seen in ((read_at_ms, first), (again_at_ms, again)):
            assert seen == 1 or at_ms <= 30
        assert 1 == await read(0)

    tell(story)


def test_a_crowd_asks_once_and_leaves_no_trace() -> None:
    """
    Fifty callers who miss at once are one read; one that joins after a write is another.
    """

    async def story(cached: QueryCache, tables: Tables) -> int:
        crowd = [asyncio.create_task(cached.read(A)) for _ in range(50)]
        await asyncio.sleep(0)
        cached.invalidate("a")
        late = asyncio.create_task(cached.read(A))
        crowd[0].cancel()
        await asyncio.gather(*crowd, late, return_exceptions=True)
        return tables.reads

    assert 2 == tell(story)


def test_values_and_their_types_are_part_of_the_key() -> None:
    """
    1, 1.0, True and "1" are four reads; lists may be values.
    """

    async def story(cached: QueryCache, tables: Tables) -> int:
        for value in (1, 1.0, True, "1", [1], [2], 1, [1]):
            await cached.read(A, {"v": value})
        return tables.reads

    assert 6 == tell(story)


def test_memory_is_bounded() -> None:
    """
    Results of too many rows are not kept, nor more results than entries_max, nor after ttl_s.
    """

    async def story(cached: QueryCache, tables: Tables) -> list[int]:
        both = "SELECT n FROM a , b"
        await cached.read(both)
        await cached.read(both)
        found = [tables.reads, cached.stats().too_big]
        for value in range(5):
            await cached.read(A, {"v": value})
        found.append(cached.stats().entry_count)
        hands.now_s += 61
        await cached.read(A, {"v": 4})
        return [*found, tables.reads]

    hands = Hands()
    assert [2, 2, 3, 8] == tell(story, rows_max=1, entries_max=3, ttl_s=60, clock=hands)


class DictStore:
    """What RedisStore does, in a dictionary: tags are looked at before, and after."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Any, dict[str, int]]] = {}
        self.tags: dict[str, int] = {}

    async def get_or_set(
        self, key: str, compute: Any, *, ttl_s: float | None = None, tags: Collection[str] = ()
    ) -> Any:
        now = {tag: self.tags.get(tag, 0) for tag in tags}
        if key in self.kept and self.kept[key][1] == now:
            return self.kept[key][0]
        value = await compute()
        self.kept[key] = value, now
        return value

    async def invalidate_tag(self, tag: str) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1


def test_processes_share_and_invalidate_for_each_other() -> None:
    """
    What one has read the other need not; what one writes the other sees.
    """

    class Row(tuple[int, ...]):
        __slots__ = ()

        def _asdict(self) -> dict[str, int]:
            return {"n": self[0]}

    class Named(Tables):
        async def read(self, sql: str, parameters: Any = None, /) -> Any:
            return [Row(row) for row in await super().read(sql)]

    async def main(loop: SimLoop) -> object:
        tables, store = Named(), DictStore()
        one, other = SharedQueryCache(tables, store), SharedQueryCache(tables, store)
        seen = [await one.read(A), await other.read(A)]
        await other.write("UPDATE a SET n = n + 1")
        seen.append(await one.read(A))
        await one.write("SELECT change( a )")
        seen.append(await other.read(A))
        return [seen, tables.reads]

    assert [[[{"n": 0}], [{"n": 0}], [{"n": 1}], [{"n": 2}]], 3] == simulate(main)
