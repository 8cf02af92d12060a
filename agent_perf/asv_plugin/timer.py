"""
CPU time per call, for benchmarks that make many calls at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from agent_perf.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_SAMPLES: Final = 10
_TURNS: Final = 10


@dataclass(frozen=True, slots=True)
class _Scaled:
    calls: int

    def __call__(self) -> float:
        return time.process_time() / self.calls


def per_call(calls: int) -> Callable[[F], F]:
    """
    Make asv show a ``time_*`` function that makes *calls* calls as CPU seconds per call.

    CPU time, because on a busy machine it varied by 1 to 2 % where the wall clock varied
    by 20 to 30 %. The function gets the attribute ``timer``, which asv reads.

    Args:
        calls: At least 1.

    Raises:
        ConfigError: If *calls* is below 1.
    """
    if calls < 1:
        raise ConfigError(f"per_call({calls}); want at least 1 call")

    def decorate(function: F) -> F:
        function.timer = _Scaled(calls)  # type: ignore[attr-defined]  # As asv has it.
        return function

    return decorate


def fastest(run: Callable[[], object], *, calls: int) -> dict[str, object]:
    """
    Return samples of CPU seconds per call, for a ``track_*`` function to return to asv.

    Each sample is the fastest of ten turns: what other processes do to caches and clocks
    only ever adds, by a third and more on a busy machine, and rarely to all ten.

    Args:
        run: Makes *calls* calls.
        calls: At least 1.
    """
    samples = [min(_turns(run, calls)) for _ in range(_SAMPLES)]
    return {"samples": samples, "number": calls}


def _turns(run: Callable[[], object], calls: int) -> Iterator[float]:
    timer = _Scaled(calls)
    for _ in range(_TURNS):
        start = timer()
        run()
        yield timer() - start
