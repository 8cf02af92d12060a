"""Engines that a program made when it was imported."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import uuid
from typing import Any, ClassVar

import pytest
from sqlalchemy import BigInteger, DateTime, Enum, String, create_engine, event, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID, insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from agent_perf.errors import BrokenError, RealWorldAccess
from tests.sim.egress.worlds import measured

engine = create_async_engine(
    "postgresql+asyncpg://user:secret@db.internal/shop",
    pool_size=2,
    max_overflow=0,
    pool_pre_ping=True,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
blocking = create_engine("sqlite:////no/such/folder/shop.db")
opened: list[object] = []


@event.listens_for(engine.sync_engine, "connect")
def _note(connection: object, record: object) -> None:
    opened.append(connection)


class Base(DeclarativeBase):
    pass


class Kind(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Order(Base):
    __tablename__ = "orders"
    __table_args__: ClassVar = {"schema": "shop"}

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    key: Mapped[uuid.UUID] = mapped_column(UUID, server_default=text("gen_random_uuid()"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String))
    data: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)
    kind: Mapped[Kind] = mapped_column(Enum(Kind))
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    name: Mapped[str] = mapped_column(unique=True)


async def tables() -> None:
    """Create them as a program's start-up does."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def setup(world):
    await tables()


async def _order(world, ask):
    async with sessions() as session:
        session.add(Order(tags=["a", "b"], kind=Kind.LARGE, name=f"Order {ask.request_id}"))
        await session.commit()
        fixed = insert(Order).values(tags=[], kind=Kind.SMALL, name="fixed", data={})
        await session.execute(
            fixed.on_conflict_do_update(index_elements=["name"], set_={"data": {"n": 2}})
        )
        await session.commit()
        [found] = await session.scalars(
            select(Order).where(Order.name == f"Order {ask.request_id}")
        )
    assert ["a", "b"] == found.tags
    assert Kind.LARGE is found.kind
    assert isinstance(found.key, uuid.UUID)
    assert found.at.tzinfo is not None


def test_models_for_postgres_are_kept_in_the_simulated_database() -> None:
    """Its types, upserts, server defaults and schemas, through an engine of import time."""
    run = measured(_order, setup=setup, users=2)

    assert {} == run.errors
    # A ping and a statement, COMMIT included, for each; the session's own are counted as well.
    assert 0 < run.most["db_statements"] <= 10
    assert engine.dialect.name == "postgresql"


def test_an_engine_forgets_the_world_and_its_pool_keeps_its_size() -> None:
    """Equal digests in one process; more users than connections wait for one."""
    first, second = (
        measured(_order, setup=setup, users=8, requests=24, think=None) for _ in range(2)
    )

    assert first.trace_digest == second.trace_digest
    assert 2 == first.levels["db_in_use"].peak
    assert first.counts["db_waits"] > 0


def test_listeners_of_the_program_hear_of_connections() -> None:
    """Those that it put on its engine; they may execute something."""
    opened.clear()

    measured(_order, setup=setup)

    assert 1 == len(opened)


@pytest.mark.parametrize("hand", [asyncio.to_thread, None])
def test_a_synchronous_engine_takes_virtual_time(hand: Any) -> None:
    """In a thread, and on the loop, which it blocks as it would in production."""

    def ask_it() -> int:
        with blocking.connect() as connection:
            return int(connection.execute(text("SELECT 1")).scalar_one())

    async def request(world):
        assert 1 == (await hand(ask_it) if hand else ask_it())

    run = measured(request, users=4)

    assert {} == run.errors
    assert run.most["db_statements"] >= 1
    assert min(run.latency_ns) > 0


def test_a_blocked_loop_lets_the_others_wait() -> None:
    """The same statements take longer for many users on the loop than in threads."""

    def ask_it() -> None:
        with blocking.connect() as connection:
            for _ in range(5):
                connection.execute(text("SELECT 1"))

    async def on_the_loop(world):
        ask_it()

    async def in_threads(world):
        await asyncio.to_thread(ask_it)

    blocked, free = (
        measured(request, users=20, requests=60, think="db.connect")
        for request in (on_the_loop, in_threads)
    )

    assert sum(blocked.latency_ns) > 3 * sum(free.latency_ns)


def test_foreign_sql_is_told_with_the_statement_and_a_way_out() -> None:
    """What only PostgreSQL knows ends the simulation; a function can be taught."""

    async def request(world):
        async with engine.connect() as connection:
            found = await connection.execute(text("SELECT similarity('a', 'b')"))
            assert 0.5 == found.scalar()

    def teach(world):
        world.database.function("similarity", lambda one, other: 0.5)

    with pytest.raises(RealWorldAccess) as caught:
        measured(request)

    assert "no such function: similarity" in str(caught.value)
    assert "\"SELECT similarity('a', 'b')\"" in str(caught.value)
    assert "world.database.function(" in str(caught.value)
    assert {} == measured(request, setup=teach).errors


def test_an_empty_database_is_told_as_what_it_is() -> None:
    """A missing table is a failed request, with the way to make it."""

    async def request(world):
        async with sessions() as session:
            await session.scalars(select(Order))

    with pytest.raises(BrokenError, match="no such table: orders"):
        measured(request)


def test_other_databases_are_refused_by_name() -> None:
    """Without the password."""
    foreign = create_engine("sqlite://")
    foreign.dialect.name = "oracle"

    async def request(world):
        foreign.connect()

    with pytest.raises(RealWorldAccess, match=r"takes engines for PostgreSQL and SQLite"):
        measured(request)
