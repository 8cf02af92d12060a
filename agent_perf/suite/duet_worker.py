"""
One side of a duet: ``python -m agent_perf.suite.duet_worker``.

Holds the micro-benchmarks of one tree ready and runs blocks of calls when it is told
to, so that base and head can take turns within a round.
"""

from __future__ import annotations

import os
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from agent_perf.errors import BrokenError, SampleError

_CALL_NS: Final = 200_000
"""CPU time that one call is to take at least: some hundred times the clock's own cost."""

_NUMBER_MAX: Final = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """
    What the conductor asks of a side.

    Attributes:
        kind: ``find`` (names), ``ready`` (set *name* up, choose a number if it is 0),
            ``block`` (measure *calls* calls), ``done`` (tear *name* down).
        name: Benchmark, as asv names it.
        calls: Calls to measure, or at ``find`` nothing.
        number: Repetitions within a call.
        root: At ``find``: folder that holds the benchmark package.
        package: At ``find``: the benchmark package.
        names: At ``find``: benchmarks wanted; empty: all. Only their files are imported.
    """

    kind: Literal["find", "ready", "block", "done"]
    name: str = ""
    calls: int = 0
    number: int = 0
    root: str = ""
    package: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a side answers.

    Attributes:
        names: Benchmarks found.
        number: Repetitions within a call.
        call_s: CPU seconds per repetition, one for each call; at ``ready`` of one call.
        error: Why there is no answer; empty if there is one.
    """

    names: tuple[str, ...] = ()
    number: int = 0
    call_s: tuple[float, ...] = ()
    error: str = ""


class Side:
    """The benchmarks of one tree, by name."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def answer(self, demand: Demand) -> Answer:
        """Do what *demand* says."""
        match demand.kind:
            case "find":
                self._found = _find(Path(demand.root), demand.package, demand.names)
                return Answer(names=tuple(sorted(self._found)))
            case "ready":
                number, call_s = _ready(self._found[demand.name], demand.number)
                return Answer(number=number, call_s=(call_s,))
            case "block":
                benchmark = self._found[demand.name]
                return Answer(call_s=_block(benchmark, demand.calls, demand.number))
            case "done":
                self._found[demand.name].do_teardown()
                return Answer()


def main() -> None:
    """Answer the demands on standard input until it ends."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    side = Side()
    for line in sys.stdin.buffer:
        try:
            answer = side.answer(msgspec.json.decode(line, type=Demand))
        except Exception as error:  # noqa: BLE001 (told to the conductor, who knows the benchmark)
            answer = Answer(error=f"{type(error).__name__}: {error}")
        channel.write(msgspec.json.encode(answer) + b"\n")
        channel.flush()


def _find(root: Path, package: str, names: tuple[str, ...]) -> dict[str, Any]:
    from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name

    sys.path.insert(0, str(root))
    # asv's own discovery, so that what it runs and what we run is the same.
    if names:
        return {name: get_benchmark_from_name(str(root / package), name) for name in names}
    found = disc_benchmarks(package, ignore_import_errors=True)
    return {item.name: item for item in found if _takes_part(item)}


def _takes_part(benchmark: Any) -> bool:
    """Return False for what is no timing, has parameters, or says ``duet = False``."""
    owner = getattr(benchmark.func, "__self__", benchmark.func)
    return benchmark.type == "time" and not benchmark.params and getattr(owner, "duet", True)


def _ready(benchmark: Any, number: int) -> tuple[int, float]:
    """Set *benchmark* up and warm it; return the repetitions that fill a call, and its s."""
    if benchmark.setup_cache_key is not None:
        benchmark.set_cache(benchmark.do_setup_cache())
    if benchmark.do_setup():
        raise BrokenError("its setup skipped it (NotImplementedError)")
    function = _function(benchmark)
    # The first call of all pays for imports and caches: it counts for nothing.
    _cpu_ns(function, 1)
    chosen = number or 1
    while (spent_ns := _cpu_ns(function, chosen)) < _CALL_NS and chosen < _NUMBER_MAX:
        if number:
            break
        chosen *= 2
    return chosen, spent_ns / 1e9


def _block(benchmark: Any, calls: int, number: int) -> tuple[float, ...]:
    function, timer = _function(benchmark), _timer(benchmark)
    call_s = tuple(_timed(function, number, timer) for _ in range(calls))
    if not all(value > 0 for value in call_s):
        raise SampleError(f"a call of {number} repetitions took no CPU time; let it do some work")
    return call_s


def _function(benchmark: Any) -> Callable[[], object]:
    arguments = benchmark._build_params()
    return lambda: benchmark.func(*arguments)


def _timer(benchmark: Any) -> Callable[[], float]:
    """Return the benchmark's own timer; CPU time where it leaves asv's wall clock in place."""
    own: Callable[[], float] = benchmark.timer
    return time.process_time if own is timeit.default_timer else own


def _timed(function: Callable[[], object], number: int, timer: Callable[[], float]) -> float:
    """Return seconds per repetition, on *timer*."""
    repetitions = range(number)
    start_s = timer()
    for _ in repetitions:
        function()
    return (timer() - start_s) / number


def _cpu_ns(function: Callable[[], object], number: int) -> int:
    repetitions = range(number)
    start_ns = time.process_time_ns()
    for _ in repetitions:
        function()
    return time.process_time_ns() - start_ns


if __name__ == "__main__":
    main()
