"""Prepared statements: what a connection sees for the first time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from agent_perf.sim import SimDatabase, SimLoop, simulate
from agent_perf.sim.services.db_prepared import PREPARED_MAX, Prepared
from tests.sim.services.ledger import Ledger, round_draws


def test_each_connection_prepares_each_text_once() -> None:
    """
    Two statements, each three times, on two connections: four prepares, by fingerprint.
    """

    async def main(loop: SimLoop) -> Ledger:
        ledger = Ledger()
        database = SimDatabase(round_draws(), ledger)
        engine = database.engine()
        async with engine.connect() as one, engine.connect() as two:
            for connection in (one, two):
                for value in range(3):
                    await connection.execute(text("SELECT :a"), {"a": value})
                    await connection.execute(text("SELECT :a, 1"), {"a": value})
        await engine.dispose()
        database.close()
        return ledger

    ledger = simulate(main)
    assert 4 == ledger.counts["db_prepares"]
    assert 2 == ledger.details["db_prepares:SELECT ?"] == ledger.details["db_prepares:SELECT ?, 1"]
    assert 14 == ledger.counts["db_statements"]  # Two ends of transactions among them.


def test_values_written_into_a_text_defeat_the_cache() -> None:
    """
    A statement with its values formatted into it is prepared anew for each value.
    """

    async def main(loop: SimLoop) -> int:
        ledger = Ledger()
        database = SimDatabase(round_draws(), ledger)
        engine = database.engine()
        async with engine.connect() as connection:
            for value in range(5):
                await connection.execute(text(f"SELECT {value}"))
        await engine.dispose()
        database.close()
        return ledger.counts["db_prepares"]

    assert 5 == simulate(main)


@given(texts=st.lists(st.integers(0, 2 * PREPARED_MAX), max_size=600))
def test_the_least_recently_used_is_forgotten(texts: list[int]) -> None:
    """
    A text is prepared unless it is among the hundred different ones executed last.
    """
    prepared = Prepared()
    for place, number in enumerate(texts):
        recent = list(dict.fromkeys(reversed(texts[:place])))[:PREPARED_MAX]
        assert (number not in recent) == prepared.must_prepare(str(number))
