"""Pauses: asyncio's sleep without its Future, the same in everything else."""

import asyncio
import contextvars
import weakref
from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import SimDeadlock
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.sleeping import sleeping_by_pauses
from tests.sim.stdlib_loop import StdlibLoop

MS = 1_000_000
Act = tuple[str, int, int]
Program = list[list[Act]]
Pause = Callable[[int], Awaitable[object]]


def _programs() -> st.SearchStrategy[Program]:
    """Return what each task does: (verb, ms, number of another task)."""
    verbs = ["sleep", "sleep", "zero", "cancel", "limit", "later", "soon", "shield", "start"]
    verbs += ["gather", "message"]
    act = st.tuples(st.sampled_from(verbs), st.integers(0, 4), st.integers(0, 4))
    return st.lists(st.lists(act, min_size=1, max_size=6), min_size=5, max_size=5)


class _Player:
    """Plays a program on a loop, and writes down what happened when."""

    def __init__(self, loop: Any, pause: Pause) -> None:
        self._loop = loop
        self._pause = pause
        self._tasks: list[asyncio.Task[None]] = []
        self.seen: list[tuple[int, str]] = []

    def note(self, what: str) -> None:
        self.seen.append((round(self._loop.time() * 1e9), what))

    async def main(self, program: Program) -> None:
        for number, acts in enumerate(program):
            self._tasks.append(self._loop.create_task(self._task(f"{number}", acts)))
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.note(repr(results))
        await asyncio.sleep(1)

    async def _task(self, name: str, acts: list[Act]) -> None:
        for index, (verb, ms, other) in enumerate(acts):
            where = f"{name}.{index} {verb}"
            try:
                await self._act(verb, ms, other, where)
            except asyncio.CancelledError as error:
                self.note(f"{where} cancelled {error.args} {self._cancelling()}")
                if other == 0:
                    raise
                asyncio.current_task().uncancel()  # type: ignore[union-attr]
            except TimeoutError:
                self.note(f"{where} timed out {self._cancelling()}")
            else:
                self.note(f"{where} done")

    def _cancelling(self) -> int:
        return asyncio.current_task().cancelling()  # type: ignore[union-attr]

    async def _act(self, verb: str, ms: int, other: int, where: str) -> None:
        ns, loop = ms * MS, self._loop
        match verb:
            case "sleep":
                await self._pause(ns)
            case "zero":
                await asyncio.sleep(0)
            case "cancel":
                cancelled = self._tasks[other].cancel()
                self.note(f"{where} {cancelled} {self._tasks[other].cancelling()}")
            case "message":
                self._tasks[other].cancel("first")
                self._tasks[other].cancel("second")
            case "later":
                # At 0 ours lets a nanosecond pass: see test_loop.
                loop.call_later(max(1, ms) / 1e3, self._from_outside, other, where)
            case "soon":
                loop.call_soon(self._from_outside, other, where)
            case _:
                await self._wait_somehow(verb, ns, other * MS, where)

    async def _wait_somehow(self, how: str, ns: int, other_ns: int, where: str) -> None:
        match how:
            case "limit":
                async with asyncio.timeout(other_ns / 1e9):
                    await self._pause(ns)
            case "shield":
                await asyncio.shield(self._loop.create_task(self._wait(ns, where)))
            case "start":
                self._loop.create_task(self._wait(ns, where))
            case "gather":
                await asyncio.gather(self._wait(ns, where), self._wait(other_ns, where))

    def _from_outside(self, other: int, where: str) -> None:
        self.note(f"{where} from outside")
        if other % 2:
            self._tasks[other].cancel(where)

    async def _wait(self, ns: int, where: str) -> None:
        await self._pause(ns)
        self.note(f"{where} waited")


def _play(loop: Any, pause: Pause, program: Program) -> list[tuple[int, str]]:
    player = _Player(loop, pause)
    try:
        loop.run_until_complete(player.main(program))
    finally:
        loop.close()
    return player.seen


async def _asyncio_sleep(ns: int) -> None:
    await asyncio.sleep(ns / 1e9)


@given(program=_programs())
@settings(max_examples=300, deadline=None)
def test_pauses_are_ordered_and_cancelled_as_asyncios_sleep_is(program: Program) -> None:
    """
    Tasks that pause, cancel, time out, shield and gather do so as on asyncio's own loop.

    The reference is asyncio's `sleep` on asyncio's `_run_once`, with a moving clock.
    """
    expected = _play(StdlibLoop(), _asyncio_sleep, program)
    ours = SimLoop()

    assert expected == _play(ours, ours.pause, program)
    with sleeping_by_pauses():
        assert expected == _play(SimLoop(), _asyncio_sleep, program)


def test_a_pause_takes_exact_time() -> None:
    """
    Nanoseconds stay what they are: no float on the way.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen = []
        for ns in (1, 0, -5, 10**17 + 1):
            await loop.pause(ns)
            seen.append(loop.now_ns)
        return seen

    assert [1, 1, 1, 10**17 + 2] == simulate(main)


def test_a_pause_can_be_awaited_by_any_kind_of_task() -> None:
    """
    A task of a program's own factory pauses and is cancelled like ours.
    """

    async def main(loop: SimLoop) -> list[object]:
        async def pausing(ns: int) -> int:
            await loop.pause(ns)
            return loop.now_ns

        loop.set_task_factory(lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw))  # type: ignore[arg-type]
        short, long = loop.create_task(pausing(5)), loop.create_task(pausing(10**9))
        await loop.pause(7)
        long.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await long
        return [await short, loop.now_ns]

    assert [5, 7] == simulate(main)


def test_cancelled_pauses_leave_nothing_behind() -> None:
    """
    A task cancelled in a pause, and a pause thrown away, wake nobody at the old time.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen: list[int] = []

        async def patient() -> None:
            for ns in (100, 30):
                try:
                    await loop.pause(ns)
                except asyncio.CancelledError:
                    seen.append(-loop.now_ns)
                seen.append(loop.now_ns)

        task = loop.create_task(patient())
        await loop.pause(10)
        task.cancel()
        await task
        await loop.pause(1_000)
        return seen

    assert [-10, 10, 40] == simulate(main)


def test_a_cancellation_taken_back_still_ends_the_pause() -> None:
    """
    cancel() and uncancel() in one step end a sleep with CancelledError, as in asyncio.

    Python 3.13's uncancel makes the task itself forget.
    """

    async def main(loop: SimLoop) -> int:
        async def pausing() -> None:
            with pytest.raises(asyncio.CancelledError, match="taken back"):
                await loop.pause(100)

        task = loop.create_task(pausing())
        await loop.pause(10)
        task.cancel("taken back")
        task.uncancel()
        await task
        return loop.now_ns

    assert 10 == simulate(main)


def test_a_task_that_cancelled_itself_does_not_pause() -> None:
    """
    A pause after the task's own cancel() ends at once, as any other await would.
    """

    async def main(loop: SimLoop) -> int:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop.pause(100)
        task.uncancel()
        await loop.pause(1)
        return loop.now_ns

    assert 1 == simulate(main)


def test_a_pause_passes_through_wrappers() -> None:
    """
    A generator that hands on what it is given, as tracers do, changes nothing.
    """

    @coroutine
    def handing_on(inner: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
        for each in inner:  # noqa: UP028  # It is Python code that is wanted in between.
            yield each

    async def main(loop: SimLoop) -> int:
        await handing_on(loop.pause(5))  # type: ignore[arg-type]
        return loop.now_ns

    assert 5 == simulate(main)


def test_a_pause_driven_by_hand_says_so() -> None:
    """
    Code that steps through an awaitable without waiting for it is told, not let through.
    """

    async def main(loop: SimLoop) -> int:
        pause: Any = loop.pause(5)
        pause.send(None)
        with pytest.raises(RuntimeError, match="not by its task"):
            pause.send(None)
        thrown_away: Any = loop.pause(5)
        thrown_away.send(None)
        thrown_away.close()
        await asyncio.sleep(0)
        return loop.now_ns

    assert 0 == simulate(main)


def test_a_pause_keeps_the_tasks_context() -> None:
    """
    Context variables are those of the task, before and after.
    """
    variable = contextvars.ContextVar("variable", default=0)

    async def main(loop: SimLoop) -> list[int]:
        async def one(number: int) -> int:
            variable.set(number)
            await loop.pause(10 - number)
            return variable.get()

        return [*await asyncio.gather(*[one(i) for i in range(5)]), variable.get()]

    assert [0, 1, 2, 3, 4, 0] == simulate(main)


def test_an_ended_task_is_freed_at_once() -> None:
    """
    Pauses make no reference cycle: a task that ended is gone without the collector.
    """

    async def main(loop: SimLoop) -> object:
        async def pausing() -> None:
            await loop.pause(1)

        task = loop.create_task(pausing())
        await loop.pause(2)
        gone = weakref.ref(task)
        del task
        return gone()

    # In a simulation nobody collects garbage so early.
    assert simulate(main) is None


@given(program=_programs(), charge_ns=st.integers(1, 5 * MS))
@settings(max_examples=100, deadline=None)
def test_pauses_are_overtaken_by_cpu_time_as_sleeps_are(program: Program, charge_ns: int) -> None:
    """
    Where charged CPU time makes waits late, pauses are late in the order of sleeps.
    """

    def play(by_pause: bool) -> list[tuple[int, str]]:
        loop = SimLoop()
        for ms in range(1, 6):
            loop.call_later(ms / 1e3, loop.charge, charge_ns)
        return _play(loop, loop.pause if by_pause else _asyncio_sleep, program)

    assert play(by_pause=False) == play(by_pause=True)


def test_a_deadlock_beside_a_pause_comes_after_it() -> None:
    """
    A pause is something that will happen: what waits for ever is told after it.
    """

    async def main(loop: SimLoop) -> None:
        other = loop.create_task(asyncio.Event().wait())
        await loop.pause(25)
        await other

    with pytest.raises(SimDeadlock, match=r"virtual time 0\.000000025 s"):
        simulate(main)


def test_latencies_awaited_together_take_as_long_as_the_longest() -> None:
    """
    pause_all ends when side-by-side pauses in tasks would have; none take no time.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen = []
        for latencies_ns in ((3, 7, 5), (0, -1), ()):
            begin_ns = loop.now_ns
            await asyncio.gather(*[loop.create_task(_pausing(loop, ns)) for ns in latencies_ns])
            by_tasks_ns = loop.now_ns - begin_ns
            await loop.pause_all(latencies_ns)
            assert loop.now_ns - begin_ns == 2 * by_tasks_ns
            seen.append(by_tasks_ns)
        return seen

    assert [7, 0, 0] == simulate(main)


async def _pausing(loop: SimLoop, ns: int) -> None:
    await loop.pause(ns)
