from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from agent_perf.components import (
    Backend,
    BackendEvent,
    BackendNotReadyError,
    BackendState,
    BackendStopError,
    until_signal,
)
from tests.components.backend.stage import Script, Stage, tell


def test_every_part_is_stopped_whatever_the_others_do() -> None:
    """
    One raises, one hangs, one does not even notice that it is cancelled: all three are told
    of, and those after them in line are stopped.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        for name, stop in (("first", "ok"), ("a", "raise"), ("b", "hang"), ("c", "deaf")):
            stage.add(backend, name, Script(stop=stop), timeout_s=2)
        stage.add(backend, "last", Script())
        await backend.start()
        with pytest.raises(BackendStopError, match="3 parts") as raised:
            await backend.aclose()
        group = raised.value.__cause__
        assert isinstance(group, ExceptionGroup)
        assert 5 == backend.stats().stops
        return (
            [f"{type(error).__name__}: {error}" for error in group.exceptions],
            stage.names("stop"),
            asyncio.get_running_loop().time(),
        )

    errors, stops, at_s = tell(story)  # type: ignore[misc]
    assert [
        "TimeoutError: part 'c' did not stop within 2 s",
        "TimeoutError: part 'b' did not stop within 2 s",
        "OSError: a is stuck",
    ] == errors
    assert ["last", "c", "b", "a", "first"] == stops
    # Two limits of 2 s, and the second that the deaf one was given to notice.
    assert 5.0 == at_s


def test_requests_under_way_may_end() -> None:
    """
    Closing lets nobody in, waits for who is inside, and only then stops parts.
    """

    async def story(stage: Stage) -> dict[str, float]:
        backend = Backend()
        stage.add(backend, "database", Script())

        async def request() -> None:
            with backend.request():
                await asyncio.sleep(3)
                assert [] == stage.names("stop")

        await backend.start()
        asking = asyncio.create_task(request())
        await asyncio.sleep(1)
        closing = asyncio.create_task(backend.aclose())
        await asyncio.sleep(1)
        assert BackendState.DRAINING is backend.state
        assert not (await backend.health()).is_ready
        with pytest.raises(BackendNotReadyError, match="draining"), backend.request():
            pass
        await asking
        await closing
        stats = backend.stats()
        assert (1, 1, 0) == (stats.requests, stats.refused, stats.under_way)
        return stage.times("stop")

    assert {"database": 3.0} == tell(story)


def test_waiting_for_requests_has_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """
    After the limit parts are stopped all the same, and how many were left is logged.
    """

    async def story(stage: Stage) -> dict[str, float]:
        backend = Backend(drain_s=5)
        stage.add(backend, "database", Script())
        await backend.start()
        backend.request().__enter__()
        await backend.aclose()
        return stage.times("stop")

    with caplog.at_level(logging.WARNING):
        assert {"database": 5.0} == tell(story)
    assert ["1 requests did not end within 5 s"] == caplog.messages


def test_being_cancelled_does_not_cut_a_stop_short() -> None:
    """
    Cancelled twice while it closes, it ends its work, and then is cancelled.
    """

    async def story(stage: Stage) -> list[str]:
        backend = Backend()
        for name in ("one", "two", "three"):
            stage.add(backend, name, Script(stop_s=1))
        await backend.start()
        closing = asyncio.create_task(backend.aclose())
        for _ in range(2):
            await asyncio.sleep(0.7)
            closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert BackendState.STOPPED is backend.state
        assert 3.0 == asyncio.get_running_loop().time()
        return stage.names("stop")

    assert ["three", "two", "one"] == tell(story)


def test_closing_again_does_nothing_more() -> None:
    """
    Two at once wait for the same end; one later returns at once; one before any start
    makes it stopped.
    """

    async def story(stage: Stage) -> list[str]:
        backend = Backend()
        stage.add(backend, "one", Script(stop_s=1))
        await backend.start()
        await asyncio.gather(backend.aclose(), backend.aclose())
        await backend.aclose()
        never = Backend()
        await never.aclose()
        assert BackendState.STOPPED is never.state
        return stage.names("stop")

    assert ["one"] == tell(story)


def test_what_happened_inside_is_not_hidden_by_the_stop() -> None:
    """
    An error in the body comes out as itself, with the failed stop as a note.
    """

    async def story(stage: Stage) -> list[str]:
        backend = Backend()
        stage.add(backend, "one", Script(stop="raise"))
        with pytest.raises(ZeroDivisionError) as raised:
            async with backend:
                raise ZeroDivisionError
        return list(raised.value.__notes__)

    assert ["1 parts did not stop: one is stuck"] == tell(story)


def test_a_restart_does_not_outlive_the_backend() -> None:
    """
    A part that is being tried again when the backend closes is not started any more.
    """

    async def story(stage: Stage) -> tuple[list[str], int]:
        backend = Backend()
        stage.add(backend, "redis", Script(start_s=1, failures=1), critical=False)
        async with backend:
            await asyncio.sleep(1.5)
        await asyncio.sleep(99)
        return stage.names("started"), len(asyncio.all_tasks())

    assert ([], 1) == tell(story)


def test_a_listener_that_fails_stops_nothing() -> None:
    """
    on_event may raise, and parts start and stop as ever.
    """

    async def story(stage: Stage) -> list[str]:
        def listen(_: BackendEvent) -> None:
            raise ZeroDivisionError

        backend = Backend(on_event=listen)
        stage.add(backend, "one", Script())
        async with backend:
            pass
        return stage.names("stop")

    assert ["one"] == tell(story)


def test_a_signal_ends_it_and_leaves_no_handler() -> None:
    """
    SIGTERM in a real process: what waits for it goes on to stop everything, and the
    handlers are gone.
    """

    async def main() -> tuple[signal.Signals, list[str]]:
        stage, backend = Stage(), Backend()
        stage.add(backend, "one", Script())
        async with backend:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            number = await until_signal()
        return number, stage.names("stop")

    before = signal.getsignal(signal.SIGTERM)
    assert (signal.SIGTERM, ["one"]) == asyncio.run(main())
    assert before == signal.getsignal(signal.SIGTERM)
