"""
One side of a duet: ``python -m agent_perf.suite.duet_worker``.

Holds the micro-benchmarks of one tree ready and runs blocks of calls when it is told
to, so that base and head can take turns within a round.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from agent_perf.suite.lanes import Item
from agent_perf.suite.microbenchmark import (
    find,
    kind_of,
    peak_bytes,
    ready,
    takes_part,
    time_calls,
)

_TRACEBACK_CHARS: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """
    What the conductor asks of a side.

    Attributes:
        kind: ``find`` (what there is), ``ready`` (set *name* up, choose a number if it is
            0), ``block`` (measure *calls* calls), ``done`` (tear *name* down), ``peak``
            (run *name* in a fork, measure its memory).
        name: Benchmark, as asv names it.
        calls: Calls to measure.
        number: Repetitions within a call.
        root: At ``find``: folder that holds the benchmark package.
        package: At ``find``: the benchmark package.
        names: At ``find``: benchmarks wanted; empty: all. Only their files are imported.
        time_limit_s: At ``peak``: real seconds for the fork.
    """

    kind: Literal["find", "ready", "block", "done", "peak"]
    name: str = ""
    calls: int = 0
    number: int = 0
    root: str = ""
    package: str = ""
    names: tuple[str, ...] = ()
    time_limit_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a side answers.

    Attributes:
        found: Benchmarks found, by name.
        number: Repetitions within a call.
        call_s: Seconds per repetition, one for each call; at ``ready`` of a whole call.
        peak_bytes: Largest resident memory of the fork.
        switches_count: Involuntary context switches of the process so far.
        error: Why there is no answer; empty if there is one.
        traceback: The end of the error's; may be empty.
    """

    found: tuple[Item, ...] = ()
    number: int = 0
    call_s: tuple[float, ...] = ()
    peak_bytes: int = 0
    switches_count: int = 0
    error: str = ""
    traceback: str = ""


class Benchmarks:
    """The micro-benchmarks of one tree, by name."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def answer(self, demand: Demand) -> Answer:
        """Do what *demand* says."""
        if demand.kind == "find":
            self._found = find(Path(demand.root), demand.package, demand.names, takes_part)
            # What is imported stays: a collection within a call need not look at it. It
            # also sets the collector's counters to zero, on either side alike.
            gc.freeze()
            return Answer(found=tuple(_item(self._found[name]) for name in sorted(self._found)))
        benchmark = self._found[demand.name]
        match demand.kind:
            case "ready":
                number, call_s = ready(benchmark, demand.number)
                gc.freeze()
                return Answer(number=number, call_s=(call_s,), switches_count=_switches())
            case "block":
                return Answer(call_s=time_calls(benchmark, demand.calls, demand.number))
            case "done":
                benchmark.do_teardown()
                return Answer(switches_count=_switches())
            case "peak":
                return Answer(peak_bytes=peak_bytes(benchmark, demand.time_limit_s))


def main() -> None:
    """Answer the demands on standard input until it ends."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    benchmarks = Benchmarks()
    for line in sys.stdin.buffer:
        try:
            answer = benchmarks.answer(msgspec.json.decode(line, type=Demand))
        except Exception as error:  # noqa: BLE001 (told to the conductor, who knows the benchmark)
            answer = Answer(
                error=f"{type(error).__name__}: {error}",
                traceback=traceback.format_exc()[-_TRACEBACK_CHARS:],
            )
        channel.write(msgspec.json.encode(answer) + b"\n")
        channel.flush()


def _item(benchmark: Any) -> Item:
    return Item(name=benchmark.name, kind=kind_of(benchmark), module=str(benchmark.func.__module__))


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


if __name__ == "__main__":
    main()
