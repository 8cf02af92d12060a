"""How rows travel: one trip for many, trips for streamed and for lazily loaded ones."""

from __future__ import annotations

from sqlalchemy import ForeignKey, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from agent_perf.sim import SimLoop
from tests.sim.services.db_stage import play
from tests.sim.services.ledger import (
    DB_CONNECT_NS,
    DB_STATEMENT_NS,
    Ledger,
)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship()


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


def test_lazy_loading_shows_as_statements() -> None:
    """
    Loading five authors' books one author at a time makes 6 statements, eagerly 2.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with sessions.begin() as session:
            session.add_all([Author(id=i, books=[Book(), Book()]) for i in range(5)])

        async def books(eagerly: bool) -> int:
            query = select(Author)
            query = query.options(selectinload(Author.books)) if eagerly else query
            ledger.details.clear()
            async with sessions() as session:
                authors = (await session.scalars(query)).all()
                found = 0
                for author in authors:
                    found += len(await session.run_sync(lambda _, author=author: author.books))
                assert 10 == found
            selects = [d for d in ledger.details.elements() if d.startswith("db_statements:SELECT")]
            return len(selects)

        return [await books(eagerly=False), await books(eagerly=True)]

    assert [6, 2] == play(scene)


def test_many_rows_go_in_one_trip() -> None:
    """
    executemany is one statement, whatever its number of rows.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[object]:
        insert = text("INSERT INTO counter (n) VALUES (:n)")
        async with engine.begin() as connection:
            await connection.execute(insert, [{"n": n} for n in range(100)])
            total = await connection.scalar(text("SELECT count(*) FROM counter"))
        return [total, ledger.details["db_statements:INSERT INTO counter (n) VALUES (?)"]]

    assert [101, 1] == play(scene)


def test_streamed_rows_are_fetched_trip_by_trip() -> None:
    """
    A server-side cursor costs a trip per fetch, and gives all the rows.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> tuple[int, int]:
        async with engine.connect() as connection:
            query = text(
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 30) "
                "SELECT n FROM r"
            )
            result = await connection.stream(query, execution_options={"max_row_buffer": 10})
            rows = [row.n async for row in result]
            assert list(range(1, 31)) == rows
        trips = ledger.details["db_statements:FETCH"]
        assert DB_CONNECT_NS + (trips + 2) * DB_STATEMENT_NS == loop.now_ns
        return len(rows), trips

    rows, trips = play(scene)
    assert 30 == rows
    # How many rows a fetch asks for is SQLAlchemy's choice; with 10 at most it takes these.
    assert trips >= 30 // 10 + 1
