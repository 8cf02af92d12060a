from __future__ import annotations

import asyncio
import contextlib

import pytest

from agent_perf.components import (
    Backend,
    BackendEvent,
    BackendNotReadyError,
    BackendStartError,
    BackendState,
)
from agent_perf.errors import ConfigError
from tests.components.backend.stage import Script, Stage, tell


def test_what_is_needed_starts_first_and_the_rest_side_by_side() -> None:
    """
    Two that need nothing start at once; who needs both starts when the slower one is up.
    Stopping goes the other way round.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        stage.add(backend, "agent", Script(start_s=1), needs=("redis", "database"))
        stage.add(backend, "redis", Script(start_s=2))
        stage.add(backend, "database", Script(start_s=3))
        async with backend:
            pass
        return stage.times("start"), stage.times("started"), stage.names("stop")

    assert (
        {"redis": 0.0, "database": 0.0, "agent": 3.0},
        {"redis": 2.0, "database": 3.0, "agent": 4.0},
        ["agent", "database", "redis"],
    ) == tell(story)


def test_a_critical_part_that_fails_takes_the_others_back() -> None:
    """
    Those that had started are stopped in reverse, one under way is cancelled, one that
    waits never starts; the error names the part and its cause, and the state is stopped.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        stage.add(backend, "a", Script())
        stage.add(backend, "b", Script(start_s=1), needs=("a",))
        stage.add(backend, "bad", Script(start_s=2, failures=1), needs=("b",))
        stage.add(backend, "slow", Script(start_s=9))
        stage.add(backend, "waits", Script(), needs=("bad",))
        with pytest.raises(BackendStartError, match="bad: ConnectionError: bad is away") as raised:
            await backend.start()
        group = raised.value.__cause__
        assert isinstance(group, ExceptionGroup)
        assert [("bad is away", ["while part 'bad' started"])] == [
            (str(error), error.__notes__) for error in group.exceptions
        ]
        assert BackendState.STOPPED is backend.state
        assert 3.0 == asyncio.get_running_loop().time()
        return stage.names("started"), stage.names("stop")

    assert (["a", "b"], ["b", "a"]) == tell(story)


def test_all_causes_are_told() -> None:
    """
    Of two that fail at once, and one that then cannot stop, none is lost.
    """

    async def story(stage: Stage) -> list[str]:
        backend = Backend()
        stage.add(backend, "up", Script(stop="raise"))
        for name in ("one", "two"):
            stage.add(backend, name, Script(start_s=1, failures=1))
        with pytest.raises(BackendStartError) as raised:
            await backend.start()
        group = raised.value.__cause__
        assert isinstance(group, ExceptionGroup)
        return [str(error) for error in group.exceptions]

    assert ["one is away", "two is away", "up is stuck"] == tell(story)


def test_a_start_has_a_limit() -> None:
    """
    A part that does not start within its time has failed, and the error says the limit.
    """

    async def story(stage: Stage) -> float:
        backend = Backend()
        stage.add(backend, "redis", Script(start_s=100), timeout_s=5)
        with pytest.raises(BackendStartError, match="redis: TimeoutError: .* within 5 s"):
            await backend.start()
        return asyncio.get_running_loop().time()

    assert 5.0 == tell(story)


def test_a_start_that_cancels_itself_is_a_failure() -> None:
    """
    CancelledError from a part's own affairs does not leave everybody waiting.
    """

    async def story(stage: Stage) -> None:
        async def start() -> None:
            raise asyncio.CancelledError

        backend = Backend()
        backend.part("odd", start=start)
        with pytest.raises(BackendStartError, match="cancelled its own start"):
            await backend.start()

    tell(story)


def test_one_that_is_not_critical_is_tried_again() -> None:
    """
    The backend is ready without it and says so; it comes after 1, 2 and 4 s, and then who
    needed it does.
    """

    async def story(stage: Stage) -> None:
        events: list[BackendEvent] = []
        backend = Backend(on_event=events.append)
        stage.add(backend, "main", Script())
        stage.add(backend, "redis", Script(failures=3), critical=False)
        stage.add(backend, "cache", Script(), critical=False, needs=("redis",))
        async with backend:
            assert 0.0 == asyncio.get_running_loop().time()
            health = await backend.health()
            assert (True, ("redis", "cache")) == (health.is_ready, health.down)
            assert "failed: ConnectionError: redis is away" == health.parts["redis"].detail
            assert "waiting" == health.parts["cache"].detail
            await asyncio.sleep(6.5)
            assert ("redis", "cache") == (await backend.health()).down
            await asyncio.sleep(1)
            assert () == (await backend.health()).down
            stats = backend.stats()
            assert (3, 3, 3) == (stats.starts, stats.start_failures, stats.restarts)
        assert [0.0, 1.0, 3.0, 7.0] == [
            at_s for at_s, what, name in stage.log if (what, name) == ("start", "redis")
        ]
        assert ["cache", "redis", "main"] == stage.names("stop")
        assert [(at_s, "failed") for at_s in (0.0, 1.0, 3.0)] == [
            (event.at_s, event.state.value)
            for event in events
            if event.part == "redis" and event.detail.startswith("ConnectionError")
        ]

    tell(story)


def test_the_wait_between_tries_is_bounded() -> None:
    """
    Back-off doubles up to its limit, and no further.
    """

    async def story(stage: Stage) -> list[float]:
        backend = Backend(restart_s_first=1, restart_s_max=3)
        stage.add(backend, "redis", Script(failures=99), critical=False)
        async with backend:
            await asyncio.sleep(10)
        return [at_s for at_s, what, _ in stage.log if what == "start"]

    assert [0.0, 1.0, 3.0, 6.0, 9.0] == tell(story)


def test_warming_comes_after_all_starts_and_before_requests() -> None:
    """
    Parts are warmed side by side when all are up; one that fails or hangs is counted, and
    the backend is ready all the same. Progress can be asked for meanwhile.
    """

    async def story(stage: Stage) -> None:
        async def warm(progress: object) -> None:
            for done in range(3):
                progress(done, 3)  # type: ignore[operator]
                await asyncio.sleep(1)
            progress(3, 3)  # type: ignore[operator]

        async def bad(_: object) -> None:
            raise OSError("no data")

        async def hung(_: object) -> None:
            await asyncio.sleep(1e6)

        backend = Backend()
        stage.add(backend, "cache", Script(start_s=1), warm=warm)
        stage.add(backend, "slow", Script(start_s=2))
        stage.add(backend, "bad", Script(), warm=bad)
        stage.add(backend, "hung", Script(), warm=hung, warm_timeout_s=4)
        starting = asyncio.create_task(backend.start())
        await asyncio.sleep(1.5)
        assert {} == backend.warmth()
        await asyncio.sleep(2)
        assert {"cache": (1, 3)} == backend.warmth()
        assert BackendState.WARMING is backend.state
        with pytest.raises(BackendNotReadyError, match="warming"), backend.request():
            pass
        await starting
        assert 6.0 == asyncio.get_running_loop().time()
        assert ({"cache": (3, 3)}, 2) == (backend.warmth(), backend.stats().warm_failures)
        with backend.request():
            pass
        await backend.aclose()

    tell(story)


def test_who_comes_late_is_warmed_as_well() -> None:
    """
    A part that is not critical and starts in the background is warmed then.
    """

    async def story(stage: Stage) -> list[tuple[float, str, str]]:
        async def warm(_: object) -> None:
            stage.note("warm", "redis")

        backend = Backend()
        stage.add(backend, "redis", Script(failures=1), critical=False, warm=warm)
        async with backend:
            await asyncio.sleep(2)
        return [entry for entry in stage.log if entry[1] == "warm"]

    assert [(1.0, "warm", "redis")] == tell(story)


@pytest.mark.parametrize("at_s", [0.5, 1.5, 3.0])
def test_a_cancelled_start_stops_what_was_started(at_s: float) -> None:
    """
    Whoever gives up while the backend starts or warms leaves nothing running.
    """

    async def story(stage: Stage) -> tuple[bool, bool]:
        async def warm(_: object) -> None:
            await asyncio.sleep(9)

        backend = Backend()
        stage.add(backend, "one", Script(start_s=1), warm=warm)
        stage.add(backend, "two", Script(start_s=1), needs=("one",))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(at_s):
                await backend.start()
        assert BackendState.STOPPED is backend.state
        assert len(asyncio.all_tasks()) == 1
        return stage.names("started") == stage.names("stop")[::-1], bool(stage.names("stop"))

    assert (True, at_s > 1) == tell(story)


def test_closing_while_it_starts_ends_the_start() -> None:
    """
    A signal that comes early stops what was started, and the start says why it failed.
    """

    async def story(stage: Stage) -> list[str]:
        backend = Backend()
        stage.add(backend, "one", Script(start_s=1))
        stage.add(backend, "two", Script(start_s=5))
        starting = asyncio.create_task(backend.start())
        await asyncio.sleep(2)
        await backend.aclose()
        with pytest.raises(BackendStartError, match="closed meanwhile"):
            await starting
        return stage.names("stop")

    assert ["one"] == tell(story)


def test_parts_are_declared_before_and_once() -> None:
    """
    A second part of one name, one after the start, a second start and an impossible need
    are mistakes that are told.
    """

    async def story(stage: Stage) -> None:
        backend = Backend()
        backend.part("one")
        with pytest.raises(ConfigError, match="already"):
            backend.part("one")
        await backend.start()
        with pytest.raises(ConfigError, match="too late"):
            backend.part("two")
        with pytest.raises(ConfigError, match="make a new one"):
            await backend.start()
        await backend.aclose()
        wrong = Backend()
        wrong.part("one", needs=("two",))
        with pytest.raises(ConfigError, match="no part"):
            await wrong.start()

    tell(story)


@pytest.mark.parametrize(
    "options",
    [
        {"drain_s": -1},
        {"restart_s_first": 0},
        {"restart_s_first": 9, "restart_s_max": 1},
        {"health_timeout_s": 0},
        {"health_ttl_s": -1},
    ],
)
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    """
    Limits that cannot be are refused where they are given.
    """
    with pytest.raises(ConfigError):
        Backend(**options)  # type: ignore[arg-type]


async def ignore_cancelling(seconds: float) -> None:
    """Sleep so long, whoever cancels it once."""
    until_s = asyncio.get_running_loop().time() + seconds
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
    await asyncio.sleep(until_s - asyncio.get_running_loop().time())


def test_a_deaf_start_of_a_critical_part_is_a_failed_one() -> None:
    """
    A start that does not notice that it is cancelled is waited for no more than a second
    longer: what had started is stopped, and the error says so.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        stage.add(backend, "a", Script())
        backend.part("deaf", start=lambda: ignore_cancelling(1e5), timeout_s=2)
        with pytest.raises(BackendStartError, match="'deaf' did not start within 2 s"):
            await backend.start()
        # One more for the cancellation by the stop, which it does notice.
        return asyncio.get_running_loop().time(), stage.names("stop"), backend.state

    assert (3.0, ["a"], BackendState.STOPPED) == tell(story)


def test_a_deaf_start_that_ends_after_all_is_up() -> None:
    """
    Without a part that is not critical and starts too slowly the backend is ready; when the
    start ends after all, the part is up, and is stopped in its turn, once.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        stage.add(backend, "a", Script())
        backend.part(
            "deaf",
            start=lambda: ignore_cancelling(60),
            stop=lambda: stage.note("stop", "deaf"),
            timeout_s=2,
            critical=False,
        )
        async with backend:
            ready_s = asyncio.get_running_loop().time()
            before = (await backend.health()).down
            await asyncio.sleep(60)
            after = (await backend.health()).down
        return ready_s, before, after, stage.names("stop")

    assert (3.0, ("deaf",), (), ["deaf", "a"]) == tell(story)


def test_a_deaf_warming_holds_up_nobody() -> None:
    """
    A warming that does not notice its time-out is left alone a second after it.
    """

    async def story(stage: Stage) -> object:
        backend = Backend()
        backend.part("deaf", warm=lambda _: ignore_cancelling(1e5), warm_timeout_s=2)
        async with backend:
            return asyncio.get_running_loop().time(), backend.state

    assert (3.0, BackendState.READY) == tell(story)
