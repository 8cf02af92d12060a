"""
Parts as they run: started when what they need is up, stopped in reverse.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from agent_perf.components.backend.parts import Act, Part, PartState

_log = logging.getLogger(__name__)

_GRACE_S: Final = 1.0
"""How long something that was cancelled may take to notice."""


class Roster:
    """
    Starts and stops *parts*, and knows what each is doing; on one event loop, once.

    Args:
        parts: Name to part, checked.
        restart_s_first: Wait before a part that is not critical is tried again, > 0.
        restart_s_max: Longest such wait; it doubles each time.
        now_s: Clock.
        note: Told of each change: the part, its new state, and why.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        *,
        restart_s_first: float,
        restart_s_max: float,
        now_s: Callable[[], float],
        note: Callable[[str, PartState, str], None],
    ) -> None:
        self._parts = parts
        self._restart_s = restart_s_first, restart_s_max
        self._now_s = now_s
        self._note = note
        self.states: dict[str, PartState] = {}
        self.errors: dict[str, Exception] = {}
        self.start_s: dict[str, float] = {}
        self.warmth: dict[str, tuple[int, int]] = {}
        self.counts: Counter[str] = Counter()
        self._up: dict[str, asyncio.Event] = {}
        self._tried: set[str] = set()
        self._started: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._left_behind: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._serving = self._winding_down = self._over = False

    async def start(self) -> bool:
        """
        Start everything; return False once a critical part failed, or stop was called.

        What is not critical and failed is tried again in the background from now on.
        """
        self.states = dict.fromkeys(self._parts, PartState.WAITING)
        self._up = {name: asyncio.Event() for name in self._parts}
        for part in self._parts.values():
            self._begin(self._bring_up(part))
        while not self._is_over() and not all(map(self._is_settled, self._parts)):
            self._changed.clear()
            await self._changed.wait()
        return not self._is_over()

    async def warm(self) -> None:
        """Fill all parts that are up, side by side; one that cannot be is told of, no more."""
        self._serving = True
        parts = [self._parts[name] for name in self._started]
        tasks = {self._begin(self._warm(part)): part.name for part in parts}
        if tasks:
            limit_s = _GRACE_S + max(part.warm_timeout_s for part in parts)
            _, deaf = await asyncio.wait(tasks, timeout=limit_s)
            for task in deaf:
                _log.warning("part %s does not notice that its warming is over", tasks[task])

    async def stop(self) -> list[Exception]:
        """Stop what was started, the last first, each once; return what went wrong."""
        self._winding_down = True
        self._changed.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE_S)
        errors = []
        while self._started:
            error = await self._take_down(self._parts[self._started.pop()])
            if error is not None:
                errors.append(error)
        self._over = True
        for name, state in self.states.items():
            if state is not PartState.STOPPED:
                self._enter(name, PartState.STOPPED, "was not up")
        return errors

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _is_over(self) -> bool:
        return self._winding_down or any(self._parts[name].critical for name in self.errors)

    def _is_settled(self, name: str) -> bool:
        """Return whether it was tried, or must wait for one that was and is not up."""
        return name in self._tried or any(
            self._is_settled(need) and not self._up[need].is_set()
            for need in self._parts[name].needs
        )

    async def _bring_up(self, part: Part) -> None:
        wait_s, longest_s = self._restart_s
        while True:
            for need in part.needs:
                await self._up[need].wait()
            if await self._try_start(part):
                if self._serving:
                    await self._warm(part)
                return
            if part.critical:
                return
            await asyncio.sleep(wait_s)
            self.counts["restarts"] += 1
            wait_s = min(2 * wait_s, longest_s)

    async def _try_start(self, part: Part) -> bool:
        self._enter(part.name, PartState.STARTING)
        begin_s = self._now_s()
        loop = asyncio.get_running_loop()
        overdue = loop.call_later(part.timeout_s + _GRACE_S, self._note_overdue, part)
        try:
            error = await self._start_error(part)
        finally:
            overdue.cancel()
            self._tried.add(part.name)
            self._changed.set()
        if error is not None:
            self.errors[part.name] = error
            self.counts["start_failures"] += 1
            self._enter(part.name, PartState.FAILED, _said(error))
            return False
        self.errors.pop(part.name, None)
        self.counts["starts"] += 1
        self.start_s[part.name] = self._now_s() - begin_s
        self._enter(part.name, PartState.UP)
        self._up[part.name].set()
        if self._over:
            # Whoever called it off did not wait any longer: it was not to start any more.
            self._started.remove(part.name)
            await self._take_down(part)
        return True

    def _note_overdue(self, part: Part) -> None:
        """Wait no more for a start that does not notice that it is cancelled."""
        error = TimeoutError(f"part {part.name!r} did not start within {part.timeout_s:g} s")
        error.add_note("it did not notice that it was cancelled, and may start yet")
        self.errors[part.name] = error
        self._enter(part.name, PartState.FAILED, _said(error))
        self._tried.add(part.name)
        self._changed.set()

    async def _start_error(self, part: Part) -> Exception | None:
        limit = asyncio.timeout(part.timeout_s)
        try:
            async with limit:
                await _done(part.start)
                # With no wait in between: what is started and not listed is never stopped.
                self._started.append(part.name)
        except asyncio.CancelledError as error:
            if self._winding_down:
                raise
            return _caused(RuntimeError(f"part {part.name!r} cancelled its own start"), error)
        except Exception as error:  # noqa: BLE001  # Told, and raised if it is critical.
            if not limit.expired():
                error.add_note(f"while part {part.name!r} started")
                return error
            text = f"part {part.name!r} did not start within {part.timeout_s:g} s"
            return _caused(TimeoutError(text), error)
        return None

    async def _warm(self, part: Part) -> None:
        if part.warm is None:
            return

        def progress(done: int, total: int) -> None:
            self.warmth[part.name] = (done, total)

        try:
            async with asyncio.timeout(part.warm_timeout_s):
                await part.warm(progress)
        except Exception as error:  # noqa: BLE001  # A cold cache is slow, and works.
            self.counts["warm_failures"] += 1
            _log.warning("part %s is not warm: %s", part.name, _said(error), exc_info=error)
        except asyncio.CancelledError:
            if self._winding_down:
                raise
            self.counts["warm_failures"] += 1
            _log.warning("part %s cancelled its own warming", part.name)

    async def _take_down(self, part: Part) -> Exception | None:
        self._up[part.name].clear()
        self._enter(part.name, PartState.STOPPING)
        # A task of its own, so that it can be left behind if it does not even notice that
        # it is cancelled: those before it in line are to be stopped all the same.
        task = asyncio.get_running_loop().create_task(_done(part.stop))
        done, _ = await asyncio.wait({task}, timeout=part.timeout_s)
        error = self._outcome(part, task) if done else await self._give_up(part, task)
        self.counts["stops"] += 1
        if error is not None:
            self.counts["stop_failures"] += 1
            error.add_note(f"while part {part.name!r} stopped")
        self._enter(part.name, PartState.STOPPED, _said(error) if error else "")
        return error

    def _outcome(self, part: Part, task: asyncio.Task[None]) -> Exception | None:
        if task.cancelled():
            return RuntimeError(f"part {part.name!r} cancelled its own stop")
        error = task.exception()
        if error is None or isinstance(error, Exception):
            return error
        raise error

    async def _give_up(self, part: Part, task: asyncio.Task[None]) -> Exception:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_GRACE_S)
        error = TimeoutError(f"part {part.name!r} did not stop within {part.timeout_s:g} s")
        if not done:
            self._left_behind.add(task)
            task.add_done_callback(self._left_behind.discard)
            error.add_note("it did not notice that it was cancelled, and was left behind")
        elif not task.cancelled() and (cause := task.exception()) is not None:
            error.__cause__ = cause
        return error

    def _enter(self, name: str, state: PartState, why: str = "") -> None:
        self.states[name] = state
        self._note(name, state, why)


async def _done(act: Act | None) -> None:
    result = act() if act else None
    if inspect.isawaitable(result):
        awaitable: Awaitable[object] = result
        await awaitable


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
