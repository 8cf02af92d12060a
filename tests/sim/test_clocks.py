"""Virtual clocks: behind every reference, on this thread only, and gone afterwards."""

import asyncio
import datetime as dt
import logging
import os
import threading
import time
import uuid

import pytest

from agent_perf.errors import SimDeadlock, SimulationError
from agent_perf.sim import EPOCH_S, SimLoop, clocks, simulate
from tests.sim import captured


@pytest.mark.parametrize("way", captured.READINGS)
def test_every_reference_to_a_clock_tells_virtual_time(way: str) -> None:
    """
    However and whenever code got hold of a clock, it reads virtual seconds.
    """

    async def main(loop: SimLoop) -> tuple[float, float]:
        begin = captured.READINGS[way]()
        await asyncio.sleep(2.5)
        return begin, captured.READINGS[way]()

    assert (0.0, 2.5) == simulate(main)


def test_calendars_begin_at_the_epoch_in_utc() -> None:
    """
    `datetime.now`, with and without zone, `date.today` and `localtime` tell virtual UTC.
    """

    async def main(loop: SimLoop) -> list[object]:
        await asyncio.sleep(86_400.25)
        return [
            dt.datetime.now(tz=dt.UTC).isoformat(),
            dt.datetime.now().isoformat(),  # noqa: DTZ005  # The point.
            dt.date.today().isoformat(),  # noqa: DTZ011  # Likewise.
            time.strftime("%Y-%m-%d %H:%M:%S %Z"),
            tuple(time.localtime())[:6],
        ]

    assert [
        "2026-01-02T00:00:00.250000+00:00",
        "2026-01-02T00:00:00.250000",
        "2026-01-02",
        "2026-01-02 00:00:00 UTC",
        (2026, 1, 2, 0, 0, 0),
    ] == simulate(main)


def test_the_epoch_can_be_chosen() -> None:
    """
    `epoch_s` is what `time.time` shows at the begin.
    """

    async def main(loop: SimLoop) -> float:
        return time.time()

    assert 1_000_000.0 == simulate(main, epoch_s=1_000_000)
    assert 1_767_225_600.0 == EPOCH_S == simulate(main)


def test_charged_time_shows_on_all_clocks() -> None:
    """
    CPU time that is charged passes for whoever reads a clock next, without an await.
    """

    async def main(loop: SimLoop) -> tuple[float, int, int]:
        loop.charge(1_500_000_000)
        return time.monotonic(), time.perf_counter_ns(), time.time_ns() - EPOCH_S * 10**9

    assert (1.5, 1_500_000_000, 1_500_000_000) == simulate(main)


def test_log_records_carry_virtual_time() -> None:
    """
    A log line is dated in virtual time.
    """

    async def main(loop: SimLoop) -> float:
        await asyncio.sleep(5)
        return logging.LogRecord("a", 10, "b", 1, "c", None, None).created

    assert EPOCH_S + 5.0 == simulate(main)


def test_the_machines_time_zone_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Local time is UTC in a simulation, and the machine's own before and after it.
    """
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()

    async def main(loop: SimLoop) -> tuple[int, str]:
        return time.localtime().tm_hour, os.environ["TZ"]

    inside = simulate(main)
    after = (time.tzname[0], os.environ["TZ"])
    monkeypatch.undo()
    time.tzset()

    assert (0, "UTC") == inside
    assert ("JST", "JST-9") == after


def test_uuid1_is_reproducible() -> None:
    """
    Time, sequence and node of a uuid1 come from the clock, `random` and a constant.
    """

    async def main(loop: SimLoop) -> uuid.UUID:
        await asyncio.sleep(1)
        return uuid.uuid1()

    first = simulate(main)
    assert first == simulate(main)
    assert 0x020000000000 == first.node


def test_other_threads_read_the_real_clocks() -> None:
    """
    A thread that runs beside a simulation sees real time, on all clocks.
    """
    clocks = (time.monotonic, time.time, time.perf_counter)
    readings: list[list[float]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            readings.append([clock() for clock in clocks])

    async def main(loop: SimLoop) -> tuple[float, ...]:
        count = len(readings)
        while len(readings) < count + 100:
            pass
        return tuple(clock() for clock in clocks)

    before = [clock() for clock in clocks]
    thread = threading.Thread(target=read)
    thread.start()
    try:
        virtual = simulate(main)
    finally:
        done.set()
        thread.join()
    after = [clock() for clock in clocks]

    assert (0.0, EPOCH_S, 0.0) == virtual
    for begin, end, *values in zip(before, after, *readings, strict=True):
        assert [begin, *values, end] == sorted([begin, *values, end])


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt, SimDeadlock])
def test_the_clocks_are_the_real_ones_afterwards(end: type[BaseException] | None) -> None:
    """
    Whatever ends a simulation, the same functions tell real time again.
    """
    functions = (time.time, time.time_ns, time.monotonic, time.perf_counter, time.sleep)
    zone = time.tzname
    begin = [function() for function in functions[:4]]

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(1e6)
        if end is SimDeadlock:
            await asyncio.Event().wait()
        elif end is not None:
            raise end

    if end is None:
        simulate(main)
    else:
        with pytest.raises(end):
            simulate(main)

    now = (time.time, time.time_ns, time.monotonic, time.perf_counter, time.sleep)
    assert all(one is other for one, other in zip(functions, now, strict=True))
    for exchange in map(clocks._exchange, clocks._CLOCKS):
        assert exchange._original == exchange._definition.ml_meth
    for function, earlier in zip(functions[:4], begin, strict=True):
        # Real seconds or ns later, not the million virtual seconds.
        assert 0 <= function() - earlier < (1e5 if earlier < 1e12 else 1e14)
    assert zone == time.tzname


@pytest.mark.parametrize("name", ["time", "gmtime", "clock_gettime_ns"])
def test_a_clock_that_was_replaced_is_told(name, monkeypatch) -> None:
    """
    What another library has put in a clock's place cannot be exchanged, and is named.
    """
    monkeypatch.setattr(time, name, lambda *_: 0)

    with pytest.raises(SimulationError, match=rf"time\.{name} is <function.*freezegun"):
        simulate(_nothing)


async def _nothing(loop: SimLoop) -> None:
    """Asks for nothing."""
