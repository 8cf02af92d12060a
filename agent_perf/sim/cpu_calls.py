"""
Counting the calls of Python functions in each step, to charge for them.

The count is the same in every process: it follows from the code alone. What the harness
itself does is not counted, so that a change of ours moves nobody's numbers.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, Protocol

from agent_perf.errors import SimulationError
from agent_perf.sim.handles import SimHandle
from agent_perf.sim.watching import Clocked, run_step

_PACKAGE: Final = Path(__file__).parents[1]
_UNDER_TEST: Final = f"{_PACKAGE}/components/"
# What stands for services is theirs to run, not the program's.
_SERVICES: Final = ("fakeredis", "lupa", "respx", "time_machine")
# Imports happen once per process, whoever asks first.
_IMPORTS: Final = "<frozen importlib"
# Not meant for debuggers, coverage or profilers: docs.python.org/3/library/sys.monitoring.html.
_TOOL_IDS: Final = (4, 3)


class Counter(Protocol):
    """
    Counts calls while it is on.

    Attributes:
        call_count: So far.
    """

    call_count: int

    def begin(self) -> None:
        """Count from here..."""

    def end(self) -> None:
        """...to here."""

    def close(self) -> None:
        """Give the interpreter's hooks back."""


class CallMeter:
    """
    Runs steps, and tells what the calls in them cost.

    Args:
        ns_per_call: Of each call, >= 0.
        priced: Tells whether calls of a code object count; those of the harness do not.

    Attributes:
        counting: Whether calls are counted; steps merely run until it is set.
        call_count: Calls charged for so far.
    """

    def __init__(self, ns_per_call: int, priced: Callable[[CodeType], bool] | None = None) -> None:
        self.counting = False
        self.call_count = 0
        self._ns_per_call = ns_per_call
        self._priced = priced or is_priced
        self._counter: Counter | None = None
        self._taken = 0
        self._module_count = 0

    def __call__(self, handle: SimHandle, loop: Clocked) -> None:
        """Run *handle*; what its calls cost is spent on *loop* by the end."""
        if not self.counting:
            run_step(handle)
            return
        if self._counter is None:
            self._counter = _make_counter(self._priced)
        self._module_count = len(sys.modules)
        self._counter.begin()
        try:
            run_step(handle)
        finally:
            self._counter.end()
            loop.charge(0)

    def take_ns(self) -> int:
        """Return what the calls since the last asking cost, in ns."""
        counter = self._counter
        if counter is None:
            return 0
        call_count = counter.call_count - self._taken
        self._taken = counter.call_count
        # A step that imports does what another process did before it began.
        if len(sys.modules) != self._module_count:
            return 0
        self.call_count += call_count
        return call_count * self._ns_per_call

    def close(self) -> None:
        """Give the interpreter's hooks back."""
        if self._counter is not None:
            self._counter.close()
            self._counter = None


def is_priced(code: CodeType) -> bool:
    """Return True if calls of *code* are charged for: it belongs to no part of the harness."""
    path = code.co_filename
    if path.startswith(f"{_PACKAGE}/"):
        return path.startswith(_UNDER_TEST)
    return not path.startswith((_IMPORTS, *_service_folders()))


@cache
def _service_folders() -> tuple[str, ...]:
    specs = (importlib.util.find_spec(name) for name in _SERVICES)
    return tuple(
        f"{folder}/"
        for spec in specs
        if spec is not None
        for folder in spec.submodule_search_locations or ()
    )


class _Weights(dict[CodeType, bool]):
    """Code object to whether it counts: looked up far more often than found out."""

    def __init__(self, priced: Callable[[CodeType], bool]) -> None:
        super().__init__()
        self._priced = priced

    def __missing__(self, code: CodeType) -> bool:
        weight = self[code] = self._priced(code)
        return weight


class _ProfileCounter:
    """
    Counts with sys.setprofile: Python 3.11 has nothing better.

    The C core of cProfile costs a third less, but tells its counts per code object, too
    late for a timer that is set in the middle of a step.
    """

    def __init__(self, priced: Callable[[CodeType], bool]) -> None:
        weights = _Weights(priced)
        self.call_count = 0

        def called(frame: FrameType, event: str, _argument: object) -> None:
            if event == "call" and weights[frame.f_code]:
                self.call_count += 1

        self._called = called

    def begin(self) -> None:
        """Count from here..."""
        sys.setprofile(self._called)

    def end(self) -> None:
        """...to here."""
        sys.setprofile(None)

    def close(self) -> None:
        """Leave nothing behind; the hook is gone since the last step."""


class _MonitoringCounter:
    """Counts with sys.monitoring, which leaves code alone that does not count."""

    def __init__(self, priced: Callable[[CodeType], bool]) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # Python 3.12.
        tool_id = next((i for i in _TOOL_IDS if monitoring.get_tool(i) is None), None)
        if tool_id is None:
            raise SimulationError(
                'cpu="calls" needs one of the tool ids 3 and 4 of sys.monitoring, and both are '
                "taken; run without the other profilers"
            )
        monitoring.use_tool_id(tool_id, "agent-perf")
        self._monitoring, self._tool_id = monitoring, tool_id
        self.call_count = 0
        self._counting = False
        weights = _Weights(priced)

        def called(code: CodeType, _offset: int) -> object:
            if not weights[code]:
                return monitoring.DISABLE
            if self._counting:
                self.call_count += 1
            return None

        events = monitoring.events
        for event in (events.PY_START, events.PY_RESUME):
            monitoring.register_callback(tool_id, event, called)
        monitoring.set_events(tool_id, events.PY_START | events.PY_RESUME)
        # An earlier meter may have left code alone that counts for this one.
        monitoring.restart_events()

    def begin(self) -> None:
        """Count from here..."""
        self._counting = True

    def end(self) -> None:
        """...to here."""
        self._counting = False

    def close(self) -> None:
        """Give the tool id back."""
        self._monitoring.set_events(self._tool_id, 0)
        self._monitoring.free_tool_id(self._tool_id)


def _make_counter(priced: Callable[[CodeType], bool]) -> Counter:
    _service_folders()
    if sys.version_info >= (3, 12):
        return _MonitoringCounter(priced)
    return _ProfileCounter(priced)
