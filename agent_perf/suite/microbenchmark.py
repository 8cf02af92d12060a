"""
One micro-benchmark as asv has it: whether a duet takes it, on which clock, and its values.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agent_perf.errors import BrokenError, ConfigError, SampleError
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.lanes import Kind
from agent_perf.variables import variables_set

_CALL_S: Final = 0.0002
"""Time that one call is to take at least: some hundred times the clock's own cost."""

_WAIT_S: Final = 0.004
"""Real time that a call need not exceed to use as much: it waits, and more calls wait as well."""

_NUMBER_MAX: Final = 1 << 22

_WALL_CLOCKS: Final = (time.perf_counter, time.monotonic, time.time)


def find(
    root: Path, package: str, names: tuple[str, ...], is_wanted: Callable[[Any], bool]
) -> dict[str, Any]:
    """
    Return the benchmarks of a tree by name, as asv itself finds them.

    Args:
        root: Folder that holds the benchmark package; it goes on the path.
        package: The benchmark package.
        names: Those to return: only their files are imported. Empty: all that are wanted.
        is_wanted: Whether one takes part, if *names* is empty.
    """
    from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name

    sys.path.insert(0, str(root))
    # Clients that an application makes at import want a key, and get no real one.
    with variables_set({}):
        if names:
            return {name: get_benchmark_from_name(str(root / package), name) for name in names}
        found = disc_benchmarks(package, ignore_import_errors=True)
        return {item.name: item for item in found if is_wanted(item)}


def takes_part(benchmark: Any) -> bool:
    """Return False for what is no time and no memory, has parameters, or says ``duet = False``."""
    return (
        benchmark.type in {"time", "peakmemory"}
        and not benchmark.params
        and _asked(benchmark) is not False
    )


def kind_of(benchmark: Any) -> Kind:
    """
    Return what *benchmark* is measured in.

    CPU time, unless ``duet = "wall"`` or an attribute ``timer`` that is a wall clock asks
    for the other: asv's own default is a wall clock too, but nobody asked for that one.

    Raises:
        ConfigError: If its attribute ``duet`` says something else.
    """
    if benchmark.type == "peakmemory":
        return "memory"
    match _asked(benchmark):
        case "cpu":
            return "cpu"
        case "wall":
            return "wall"
        case True:
            own = any(hasattr(source, "timer") for source in benchmark._attr_sources)
            return "wall" if own and benchmark.timer in _WALL_CLOCKS else "cpu"
        case other:
            raise ConfigError(
                f"{benchmark.name}: duet = {other!r}; want False to leave it out, "
                '"cpu" or "wall" to choose its clock'
            )


def ready(benchmark: Any, number: int) -> tuple[int, float]:
    """
    Set *benchmark* up and warm it; return repetitions that fill a call, and the call's seconds.

    The seconds are those of its clock; of what mostly waits, and is measured in CPU time, they
    are real ones: else a sleep of 10 ms would be repeated until it has used CPU time enough.

    Warm means: called at least twice, and once at full length. Measured over 14 benchmarks of
    this repository, the first block after that took as long as the tenth in all but one.

    Args:
        benchmark: As asv found it.
        number: Repetitions of a call; 0 to choose them.

    Raises:
        BrokenError: If its setup skips it.
    """
    set_up(benchmark)
    function = _function(benchmark)
    # Not the benchmark's own timer: it may be scaled, and this is about whole calls.
    clock = time.perf_counter if kind_of(benchmark) == "wall" else time.process_time
    # The first call of all pays for imports and caches: it counts for nothing.
    function()
    chosen = number or 1
    while True:
        start_s = time.perf_counter()
        spent_s = _timed(function, chosen, clock) * chosen
        real_s = time.perf_counter() - start_s
        if not number and spent_s < _CALL_S and real_s >= _WAIT_S:
            # A process that was stopped for a moment looks the same: once more tells.
            real_s = min(real_s, _timed(function, chosen, time.perf_counter) * chosen)
            if real_s >= _WAIT_S:
                return chosen, real_s
        if number or spent_s >= _CALL_S or chosen >= _NUMBER_MAX:
            return chosen, spent_s
        chosen *= 2


def time_calls(benchmark: Any, calls: int, number: int) -> tuple[float, ...]:
    """
    Return the seconds per repetition of *calls* calls, one right after the other.

    The garbage collector runs as it does in a service: what a change leaves to it is
    part of what the change costs.

    Raises:
        SampleError: If a call took no time on the benchmark's clock.
    """
    function, timer = _function(benchmark), _timer(benchmark)
    call_s = tuple(_timed(function, number, timer) for _ in range(calls))
    if not all(value > 0 for value in call_s):
        raise SampleError(
            f"a call of {number} repetitions took no {kind_of(benchmark).upper()} time; "
            "let it do some work"
        )
    return call_s


def peak_bytes(benchmark: Any, time_limit_s: float) -> int:
    """
    Return the largest resident memory of a fork that runs *benchmark* once, in bytes.

    It holds what the process had imported until then, as asv's figure does.

    Raises:
        BrokenError: If the fork gave no value within *time_limit_s* real seconds.
    """

    def run() -> bytes:
        set_up(benchmark)
        return str(benchmark.do_run()).encode()

    answer = run_in_fork(run, time_limit_s=time_limit_s)
    if isinstance(answer, Broken):
        raise BrokenError(answer.message)
    return int(answer)


def exercise(benchmark: Any) -> None:
    """
    Set *benchmark* up, run it as before its first measured call, and tear it down.

    Raises:
        BrokenError: If its setup skips it.
    """
    if kind_of(benchmark) == "memory":
        set_up(benchmark)
        benchmark.do_run()
    else:
        ready(benchmark, 0)
    benchmark.do_teardown()


def _asked(benchmark: Any) -> object:
    owner = getattr(benchmark.func, "__self__", benchmark.func)
    return getattr(owner, "duet", True)


def set_up(benchmark: Any) -> None:
    """
    Do what *benchmark* wants done before it runs.

    Raises:
        BrokenError: If its setup skips it.
    """
    if benchmark.setup_cache_key is not None:
        benchmark.set_cache(benchmark.do_setup_cache())
    if benchmark.do_setup():
        raise BrokenError("its setup skipped it (NotImplementedError)")


def _function(benchmark: Any) -> Callable[[], object]:
    arguments = benchmark._build_params()
    return lambda: benchmark.func(*arguments)


def _timer(benchmark: Any) -> Callable[[], float]:
    """Return the benchmark's own timer, unless it is not of the kind that is measured."""
    own: Callable[[], float] = benchmark.timer
    if kind_of(benchmark) == "wall":
        return own
    return time.process_time if own in (timeit.default_timer, *_WALL_CLOCKS) else own


def _timed(function: Callable[[], object], number: int, timer: Callable[[], float]) -> float:
    """Return seconds per repetition, on *timer*."""
    repetitions = range(number)
    start_s = timer()
    for _ in repetitions:
        function()
    return (timer() - start_s) / number
