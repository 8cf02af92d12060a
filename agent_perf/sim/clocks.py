"""
The clocks that code reads, made virtual for as long as a simulation runs.

`time.time`, `datetime.now` and their kin go through time-machine, which exchanges the C
functions behind them, so that every reference follows, whoever took it and when. It
leaves the monotonic clocks alone; those are exchanged here, in the same way. Other
threads go on reading the real clocks.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from threading import get_ident
from typing import Final

from agent_perf.errors import SimulationError
from agent_perf.sim.loop import SimLoop
from agent_perf.units import NS

_METH_NOARGS: Final = 4
_CLOCKS: Final[dict[str, Callable[[SimLoop], float]]] = {
    "monotonic": SimLoop.time,
    "monotonic_ns": lambda loop: loop.now_ns,
    "perf_counter": SimLoop.time,
    "perf_counter_ns": lambda loop: loop.now_ns,
}


@contextmanager
def virtual_clocks(loop: SimLoop, epoch_s: int) -> Iterator[None]:
    """
    Let `time` and `datetime` tell virtual time to this thread while the body runs.

    The local time zone is UTC for as long: machines differ in theirs.

    Args:
        loop: Whose time they tell. The monotonic clocks begin at 0 with it.
        epoch_s: What calendars show at the loop's begin: Unix time, in seconds.
    """
    # Here, because it imports pytest where that is installed.
    import time_machine

    clocks = [_exchange(name) for name in _CLOCKS]
    epoch_ns, thread_id = epoch_s * NS, get_ident()
    travel = time_machine.travel(datetime.now(tz=UTC), tick=True)
    traveller = travel.start()
    real_time_ns = traveller.time_ns
    # It ticks from its first reading on, which so becomes this one.
    real_time_ns()

    def time_ns() -> int:
        return epoch_ns + loop.now_ns if get_ident() == thread_id else real_time_ns()

    traveller.time_ns = time_ns  # type: ignore[method-assign]  # Ours alone.
    for clock in clocks:
        clock.begin(loop, thread_id)
    try:
        yield
    finally:
        for clock in clocks:
            clock.end()
        travel.stop()


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef: https://docs.python.org/3/c-api/structures.html."""

    _fields_ = (
        ("ml_name", ctypes.c_char_p),
        ("ml_meth", ctypes.c_void_p),
        ("ml_flags", ctypes.c_int),
        ("ml_doc", ctypes.c_char_p),
    )


class _Exchange:
    """
    One C function of `time` and what can stand in for it.

    It lives as long as the process: another thread may be inside of the stand-in when
    a simulation ends.
    """

    def __init__(self, name: str) -> None:
        function = getattr(time, name)
        # A builtin function object holds a pointer to its definition behind the header.
        address = ctypes.c_void_p.from_address(id(function) + object.__basicsize__).value
        self._definition = _MethodDef.from_address(address or 0)
        if self._definition.ml_name != name.encode() or self._definition.ml_flags != _METH_NOARGS:
            raise SimulationError(
                f"time.{name} is {function!r}, not CPython's own: stop what has replaced it, "
                "such as freezegun, before simulate()"
            )
        self._original = self._definition.ml_meth
        real = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
            self._original or 0
        )
        self._loop: SimLoop | None = None
        self._thread_id = 0
        read = _CLOCKS[name]

        def clock(_module: int, _none: int) -> float:
            loop = self._loop
            if loop is None or get_ident() != self._thread_id:
                reading: float = real(time, None)
                return reading
            return read(loop)

        signature = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)
        self._stand_in = signature(clock)

    def begin(self, loop: SimLoop, thread_id: int) -> None:
        """Let the function tell *loop*'s time on thread *thread_id*."""
        self._loop, self._thread_id = loop, thread_id
        self._definition.ml_meth = ctypes.cast(self._stand_in, ctypes.c_void_p).value

    def end(self) -> None:
        """Let the function be what it was."""
        self._definition.ml_meth = self._original
        self._loop = None


@cache
def _exchange(name: str) -> _Exchange:
    return _Exchange(name)
