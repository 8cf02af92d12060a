"""
One side of a duet: ``python -m agent_perf.suite.duet_worker``.

Holds the micro-benchmarks of one tree ready and runs blocks of calls when it is told
to, so that base and head can take turns within a round.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from agent_perf.errors import BrokenError, SampleError

_CALL_NS: Final = 500_000
"""CPU time that one call is to take at least: a thousand times the clock's own cost."""

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
    """

    kind: Literal["find", "ready", "block", "done"]
    name: str = ""
    calls: int = 0
    number: int = 0
    root: str = ""
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a side answers.

    Attributes:
        names: Benchmarks found.
        number: Repetitions within a call.
        call_s: CPU seconds per repetition, one for each call.
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
                self._found = _find(Path(demand.root), demand.package)
                return Answer(names=tuple(sorted(self._found)))
            case "ready":
                return Answer(number=_ready(self._found[demand.name], demand.number))
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


def _find(root: Path, package: str) -> dict[str, Any]:
    from asv_runner.discovery import disc_benchmarks

    sys.path.insert(0, str(root))
    # asv's own discovery, so that what it runs and what we run is the same.
    found = disc_benchmarks(package, ignore_import_errors=True)
    return {item.name: item for item in found if item.type == "time" and not item.params}


def _ready(benchmark: Any, number: int) -> int:
    """Set *benchmark* up, warm it, and return the repetitions that fill a call."""
    if benchmark.setup_cache_key is not None:
        benchmark.set_cache(benchmark.do_setup_cache())
    if benchmark.do_setup():
        raise BrokenError("its setup skipped it (NotImplementedError)")
    function = _function(benchmark)
    chosen = number or 1
    while _cpu_ns(function, chosen) < _CALL_NS and chosen < _NUMBER_MAX and not number:
        chosen *= 2
    return chosen


def _block(benchmark: Any, calls: int, number: int) -> tuple[float, ...]:
    function = _function(benchmark)
    call_s = tuple(_cpu_ns(function, number) / number / 1e9 for _ in range(calls))
    if not all(value > 0 for value in call_s):
        raise SampleError(f"a call of {number} repetitions took no CPU time; let it do some work")
    return call_s


def _function(benchmark: Any) -> Callable[[], object]:
    arguments = benchmark._build_params()
    return lambda: benchmark.func(*arguments)


def _cpu_ns(function: Callable[[], object], number: int) -> int:
    repetitions = range(number)
    start_ns = time.process_time_ns()
    for _ in repetitions:
        function()
    return time.process_time_ns() - start_ns


if __name__ == "__main__":
    main()
