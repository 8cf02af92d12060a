from __future__ import annotations

import asyncio
import sqlite3

import pytest

from agent_perf.sim import Draws, SimLoop, request_scope, simulate
from agent_perf.sim.services.db_functions import VirtualFunctions


def ask(sql: str, *, at_s: float = 0.0, seed: int = 1, request_id: int = 7) -> object:
    """Return the first value that *sql* gives, *at_s* seconds into a simulation."""

    async def main(loop: SimLoop) -> object:
        await asyncio.sleep(at_s)
        functions = VirtualFunctions(Draws(seed))
        raw = sqlite3.connect(":memory:")
        try:
            functions.install(raw)
            with request_scope(request_id):
                return raw.execute(sql).fetchone()[0]
        finally:
            raw.close()
            functions.close()

    return simulate(main)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT CURRENT_TIMESTAMP", "2026-01-01 00:01:30"),
        ("SELECT current_date", "2026-01-01"),
        ("SELECT CURRENT_TIME", "00:01:30"),
        ("SELECT datetime('now')", "2026-01-01 00:01:30"),
        ("SELECT datetime()", "2026-01-01 00:01:30"),
        ("SELECT datetime('now', '+1 day')", "2026-01-02 00:01:30"),
        ("SELECT strftime('%s', 'NOW')", "1767225690"),
        ("SELECT strftime('%f')", "30.250"),
        ("SELECT unixepoch()", 1767225690),
        ("SELECT date('2020-02-28', '+1 day')", "2020-02-29"),
        ("SELECT datetime('nonsense')", None),
    ],
)
def test_sql_reads_the_virtual_clock(sql: str, value: object) -> None:
    """
    Whatever way SQL asks for the time, it is the simulation's; fixed dates stay as given.
    """
    assert value == ask(sql, at_s=90.25)


def test_defaults_read_the_virtual_clock() -> None:
    """
    A column's DEFAULT CURRENT_TIMESTAMP follows virtual time too.
    """

    async def main(loop: SimLoop) -> object:
        await asyncio.sleep(1)
        functions = VirtualFunctions(Draws(1))
        raw = sqlite3.connect(":memory:")
        functions.install(raw)
        raw.execute("CREATE TABLE t (a, at TEXT DEFAULT CURRENT_TIMESTAMP)")
        raw.execute("INSERT INTO t (a) VALUES (1)")
        at = raw.execute("SELECT at FROM t").fetchone()[0]
        raw.close()
        functions.close()
        return at

    assert "2026-01-01 00:00:01" == simulate(main)


def test_random_is_drawn_for_the_request() -> None:
    """
    random() hangs on seed and request alone, and its lowest bits are as good as the rest.
    """
    sql = "SELECT group_concat(random()) FROM (VALUES (1), (2), (3), (4), (5), (6))"
    drawn = ask(sql)
    assert drawn == ask(sql)
    assert drawn != ask(sql, seed=2)
    assert drawn != ask(sql, request_id=8)
    assert {0, 1} == {int(number) % 2 for number in str(drawn).split(",")}


def test_random_bytes_have_their_length() -> None:
    """
    randomblob(n) gives n bytes, and at least one.
    """
    assert 13 == ask("SELECT length(randomblob(13))")
    assert 1 == ask("SELECT length(randomblob(0))")
