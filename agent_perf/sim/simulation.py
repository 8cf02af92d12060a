"""
One simulation: a fresh loop, virtual clocks, a closed world, a seeded `random`.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

from agent_perf.errors import RealWorldAccess, SimulationError, UsageError
from agent_perf.sim.clocks import virtual_clocks
from agent_perf.sim.compat import compatible
from agent_perf.sim.cpu_calls import CallMeter
from agent_perf.sim.entropy import seeded_entropy
from agent_perf.sim.garbage import collected_by_hand
from agent_perf.sim.guard import guarded
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.metered import MeteredLoop
from agent_perf.sim.request import BACKGROUND_ID, request_scope
from agent_perf.sim.threadless import ExecutorPolicy
from agent_perf.sim.ties import TiedLoop, TiedMeteredLoop
from agent_perf.sim.watching import Trace

T = TypeVar("T")

EPOCH_S: Final = 1_767_225_600
"""When simulations begin: 2026-01-01 00:00 UTC."""

# Clocks, sockets and `random` are the process's: two simulations would share them.
_one_at_a_time = threading.Lock()


def simulate(
    main: Callable[[SimLoop], Coroutine[Any, Any, T]],
    *,
    epoch_s: int = EPOCH_S,
    executor: ExecutorPolicy = "refuse",
    trace: Trace | None = None,
    meter: CallMeter | None = None,
    virtual_limit_s: float = math.inf,
    seed: int = 0,
    tie_seed: int | None = None,
) -> T:
    """
    Run *main* to its end in virtual time and return what it returns.

    What it is still running when it ends is cancelled, the oldest task first.
    Reproducible are the loop's order, the clocks, the local time zone, and what asks for
    randomness (`random`, `uuid`, `secrets`, `os.urandom`, numpy's global generator); not
    so the order of sets of strings, which depends on PYTHONHASHSEED.

    Args:
        main: Called with the loop; its coroutine is the simulation.
        epoch_s: Unix time at the begin, in seconds, as `time.time` shows it.
        executor: As in SimLoop.
        trace: As in SimLoop.
        meter: Counts calls, to charge for them; None: code takes no time.
        virtual_limit_s: As in SimLoop.
        seed: Of all randomness; the state of `random` and numpy is restored afterwards.
        tie_seed: Shuffles requests whose timers are due at one instant; None: they run in
            the order in which those were set.

    Raises:
        SimDeadlock: If tasks wait and nothing is left that could wake them.
        SimLivelock: If steps run for ever at one instant, or one step waits for the clock
            to move.
        SimOverrun: If it is still running at *virtual_limit_s*.
        RealWorldAccess: If code tried to reach a real socket, thread or process, or to
            sleep in real time, even if that code swallowed the error.
        UsageError: If called within a simulation or a running event loop.
    """
    with ExitStack() as stack:
        stack.enter_context(_alone())
        collect = stack.enter_context(collected_by_hand())
        options: dict[str, Any] = {
            "executor": executor,
            "trace": trace,
            "virtual_limit_s": virtual_limit_s,
            "housekeeping": collect,
        }
        loop = _make_loop(options, meter, tie_seed)
        stack.callback(loop.close)
        stack.enter_context(request_scope(BACKGROUND_ID))
        stack.enter_context(compatible(loop))
        stack.enter_context(virtual_clocks(loop, epoch_s))
        # Not before: what the others import for the first time draws, too.
        stack.enter_context(seeded_entropy(seed))
        stack.enter_context(guarded(loop.refusals))
        return _run(loop, main(loop))


def _make_loop(options: dict[str, Any], meter: CallMeter | None, tie_seed: int | None) -> SimLoop:
    if tie_seed is None:
        return SimLoop(**options) if meter is None else MeteredLoop(meter=meter, **options)
    if meter is None:
        return TiedLoop(tie_seed=tie_seed, **options)
    return TiedMeteredLoop(tie_seed=tie_seed, meter=meter, **options)


@contextmanager
def _alone() -> Iterator[None]:
    if asyncio._get_running_loop() is not None:
        raise UsageError(
            "simulate() was called within a running event loop, which it would block; call it "
            "from synchronous code, and in a simulation await the coroutine itself"
        )
    if not _one_at_a_time.acquire(blocking=False):
        raise UsageError(
            "another simulation is running in this process, and clocks are the process's; run "
            "one after the other, or each in its own process"
        )
    try:
        yield
    finally:
        _one_at_a_time.release()


def _run(loop: SimLoop, main: Coroutine[Any, Any, T]) -> T:
    if not asyncio.iscoroutine(main):
        raise UsageError(f"main gave {main!r}; want a coroutine: is it an async function?")
    task = loop.create_task(main)
    try:
        result = loop.run_until_complete(task)
    except BaseException as error:
        _wind_down_after(loop, error)
        if task.done() and not task.cancelled():
            # What ends the loop is not told to who waits for the task: it is told as lost.
            task.exception()
        refused = loop.refusals.first
        if (
            refused is None
            or isinstance(error, RealWorldAccess)
            or not isinstance(error, Exception)
        ):
            raise
        # Clients wrap what they do not know: that the server is unreachable, say.
        raise RealWorldAccess(str(refused)) from error
    _wind_down(loop)
    loop.refusals.require_none()
    return result


def _wind_down_after(loop: SimLoop, error: BaseException) -> None:
    while True:
        try:
            return _wind_down(loop)
        except SimulationError as second:
            # The first error is what to mend; a deadlock while cancelling follows from it.
            return error.add_note(f"Then, while the remaining tasks were cancelled: {second}")
        except (KeyboardInterrupt, SystemExit) as second:
            # Each task that awaits another's end passes it on; a new one is from outside.
            if second is not error:
                raise


def _wind_down(loop: SimLoop) -> None:
    tasks = sorted(asyncio.all_tasks(loop), key=hash)
    loop.run_until_complete(_cancel(loop, tasks))
    # From Python 3.12 on, a cancelled task's traceback leads back to this very frame.
    tasks.clear()
    loop.run_until_complete(loop.shutdown_asyncgens())


async def _cancel(loop: SimLoop, tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Exception):
            loop.call_exception_handler(
                {
                    "message": f"{task.get_name()} failed when it was cancelled at the end",
                    "exception": result,
                    "task": task,
                }
            )
