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
from functools import cache
from threading import get_ident
from types import BuiltinFunctionType
from typing import Final

from agent_perf.errors import SimLivelock, SimulationError
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.spin import SpinWatch
from agent_perf.units import NS

_METH_NOARGS: Final = 4
_CLOCKS: Final[dict[str, Callable[[SimLoop], float]]] = {
    "monotonic": lambda loop: loop.now_ns / NS,
    "monotonic_ns": lambda loop: loop.now_ns,
    "perf_counter": lambda loop: loop.now_ns / NS,
    "perf_counter_ns": lambda loop: loop.now_ns,
}


_CALENDAR: Final = (
    *("time", "time_ns", "gmtime", "localtime", "strftime"),
    *("clock_gettime", "clock_gettime_ns"),
)
"""What time-machine exchanges, without a look at what it is: only a builtin survives that."""


@contextmanager
def virtual_clocks(loop: SimLoop, epoch_s: int) -> Iterator[None]:
    """
    Let `time` and `datetime` tell virtual time to this thread while the body runs.

    The local time zone is UTC for as long: machines differ in theirs.

    Args:
        loop: Whose time they tell. The monotonic clocks begin at 0 with it.
        epoch_s: What calendars show at the loop's begin: Unix time, in seconds.

    Raises:
        SimLivelock: If the body waited for a clock to move without awaiting anything, even
            if it swallowed the error.
    """
    thread_id = get_ident()
    spin = SpinWatch()
    with _virtual_calendar(loop, epoch_s * NS, thread_id, spin):
        clocks = [_exchange(name) for name in _CLOCKS]
        for clock in clocks:
            clock.begin(loop, thread_id, spin)
        loop.on_read(spin.note)
        try:
            yield
        except SimLivelock:
            raise
        except Exception as error:
            if spin.error is not None:
                raise spin.error from error
            raise
        finally:
            loop.on_read(None)
            for clock in clocks:
                clock.end()
    if spin.error is not None:
        raise spin.error


@contextmanager
def _virtual_calendar(
    loop: SimLoop, epoch_ns: int, thread_id: int, spin: SpinWatch
) -> Iterator[None]:
    # Here, because it imports pytest where that is installed.
    import _time_machine  # type: ignore[import-not-found]  # It has no types.
    import time_machine

    class LoopTraveller(time_machine.Traveller):
        def time_ns(self) -> int:
            if get_ident() == thread_id:
                spin.note(loop.now_ns)
                return epoch_ns + loop.now_ns
            # Another thread's monotonic clock is the real one.
            return boot_ns + time.monotonic_ns()

    for name in _CALENDAR:
        _check_builtin(name)
    boot_ns = time.time_ns() - time.monotonic_ns()
    travellers = time_machine.traveller_stack
    traveller = LoopTraveller(epoch_ns, "UTC", tick=False)
    # `travel.start` exchanges the functions before there is a traveller, and `stop` puts
    # them back after it is gone: another thread that asks for the time just then gets an
    # error. So the same is done here in the other order.
    travellers.append(traveller)
    if len(travellers) == 1:
        _time_machine.patch()
    traveller._start()
    try:
        yield
    finally:
        traveller._stop()
        if len(travellers) == 1:
            _time_machine.unpatch()
        travellers.remove(traveller)


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
        function = _check_builtin(name)
        # A builtin holds a pointer to its definition, right behind the object's header.
        address = ctypes.c_void_p.from_address(id(function) + object.__basicsize__).value
        self._definition = _MethodDef.from_address(address or 0)
        if self._definition.ml_name != name.encode() or self._definition.ml_flags != _METH_NOARGS:
            raise _replaced(name)
        self._original = self._definition.ml_meth
        real = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
            self._original or 0
        )
        self._loop: SimLoop | None = None
        self._spin = SpinWatch()
        self._thread_id = 0
        read = _CLOCKS[name]

        def clock(_module: int, _none: int) -> float:
            loop = self._loop
            if loop is None or get_ident() != self._thread_id:
                reading: float = real(time, None)
                return reading
            self._spin.note(loop._now_ns)
            return read(loop)

        signature = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)
        self._stand_in = signature(clock)

    def begin(self, loop: SimLoop, thread_id: int, spin: SpinWatch) -> None:
        """Let the function tell *loop*'s time on thread *thread_id*, and *spin* of it."""
        self._loop, self._thread_id, self._spin = loop, thread_id, spin
        self._definition.ml_meth = ctypes.cast(self._stand_in, ctypes.c_void_p).value

    def end(self) -> None:
        """Let the function be what it was."""
        self._definition.ml_meth = self._original
        self._loop = None


@cache
def _exchange(name: str) -> _Exchange:
    return _Exchange(name)


def _check_builtin(name: str) -> BuiltinFunctionType:
    function = getattr(time, name)
    if not isinstance(function, BuiltinFunctionType):
        raise _replaced(name)
    return function


def _replaced(name: str) -> SimulationError:
    return SimulationError(
        f"time.{name} is {getattr(time, name)!r}, not CPython's own: stop what has replaced it, "
        "such as freezegun, before simulate()"
    )
