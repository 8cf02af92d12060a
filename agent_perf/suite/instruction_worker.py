"""
One tree under callgrind: ``python -m agent_perf.suite.instruction_worker``.

Imports the benchmarks at the speed of valgrind alone, and counts each in a fork of its
own: no benchmark sees what another left behind, and the import is paid for once.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from agent_perf.errors import SampleError
from agent_perf.suite.callgrind import Callgrind
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.microbenchmark import find, set_up

_WARM_UP_CALLS: Final = 8
"""So often the interpreter runs a function before it specialises it (CPython 3.11)."""

_INSTRUCTIONS: Final = 20_000_000
"""What is counted at least: what comes every so many calls, a cache's eviction, evens out."""

_REPETITIONS_MIN: Final = 4
_REPETITIONS_MAX: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class CountDemand:
    """
    What the conductor asks of a worker.

    Attributes:
        name: Benchmark to count; empty: import, and tell the names.
        repetitions: Calls to count; 0: as many as it takes, by the instructions of one.
        time_limit_s: Real seconds for a count.
        root: To import: folder that holds the benchmark package.
        package: To import: the benchmark package.
        names: To import: benchmarks wanted; empty: all. Only their files are imported.
        folder: Where callgrind writes.
    """

    name: str = ""
    repetitions: int = 0
    time_limit_s: float = 0.0
    root: str = ""
    package: str = ""
    names: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAnswer:
    """
    What a worker answers.

    Attributes:
        names: Benchmarks that can be counted.
        instructions: Per call.
        repetitions: Calls of the benchmark's function that were counted.
        error: Why there is no answer; None if there is one.
    """

    names: tuple[str, ...] = ()
    instructions: float = 0.0
    repetitions: int = 0
    error: Broken | None = None


class InstructionWorker:
    """The benchmarks of one tree, by name."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def answer(self, demand: CountDemand) -> CountAnswer:
        """Do what *demand* says."""
        if not demand.name:
            self._found = find(Path(demand.root), demand.package, demand.names, _takes_part)
            return CountAnswer(names=tuple(self._found))
        counted = run_in_fork(
            partial(_count, self._found[demand.name], demand), time_limit_s=demand.time_limit_s
        )
        if isinstance(counted, Broken):
            return CountAnswer(error=counted)
        return msgspec.json.decode(counted, type=CountAnswer)


def main() -> None:
    """Answer the demands on standard input until it ends."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = InstructionWorker()
    for line in sys.stdin.buffer:
        try:
            answer = worker.answer(msgspec.json.decode(line, type=CountDemand))
        except Exception as error:  # noqa: BLE001 (told to the conductor, who knows the benchmark)
            message = f"{type(error).__name__}: {error}"
            answer = CountAnswer(error=Broken(category="import", message=message))
        channel.write(msgspec.json.encode(answer) + b"\n")
        channel.flush()


def _takes_part(benchmark: Any) -> bool:
    """Return False for what is no timing, has parameters, or says ``instructions = False``."""
    owner = getattr(benchmark.func, "__self__", benchmark.func)
    return (
        benchmark.type == "time" and not benchmark.params and getattr(owner, "instructions", True)
    )


def _count(benchmark: Any, demand: CountDemand) -> bytes:
    # Chance that is not seeded would be another one in each process.
    random.seed(1)
    set_up(benchmark)
    function = partial(benchmark.func, *benchmark._build_params())
    _repeat(function, _WARM_UP_CALLS)()
    # As timeit does: when a collection comes depends on all that was allocated before.
    gc.collect()
    gc.disable()
    callgrind = Callgrind(Path(demand.folder))
    callgrind.start()
    # Head makes this call too, though its number is given: both must have done the same.
    one_call = callgrind.count(_repeat(function, 1))
    repetitions = demand.repetitions or _repetitions(one_call)
    loop = callgrind.count(_repeat(partial(_nothing), repetitions))
    counted = callgrind.count(_repeat(function, repetitions))
    callgrind.stop()
    if counted <= loop:
        raise SampleError(
            f"{repetitions} calls take no more instructions than a loop over nothing; "
            "let the benchmark do some work"
        )
    # Where CPU time is told per call of many, instructions are, too.
    calls = repetitions * getattr(benchmark.timer, "calls", 1)
    return msgspec.json.encode(
        CountAnswer(instructions=(counted - loop) / calls, repetitions=repetitions)
    )


def _repetitions(one_call: int) -> int:
    wanted = -(-_INSTRUCTIONS // one_call)
    return max(_REPETITIONS_MIN, min(_REPETITIONS_MAX, wanted))


def _repeat(function: Callable[[], object], number: int) -> Callable[[], None]:
    repetitions = range(number)

    def run() -> None:
        for _ in repetitions:
            function()

    return run


def _nothing() -> None:
    pass


if __name__ == "__main__":
    main()
