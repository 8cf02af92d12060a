"""
Refuses benchmarks that asv would measure wrongly without a word.

asv does not know coroutines: ``async def time_x`` sleeping 50 ms is reported with 1.8 µs,
the time that making the coroutine takes, exit status 0, and ``asv check`` is content.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from agent_perf.errors import ConfigError
from agent_perf.variables import simulated_variables

_MARK: Final = "_agent_perf_refuses_async"


def register() -> None:
    """
    Make asv refuse ``async def`` benchmarks and show it scenarios, in the running process.

    Call it in the benchmark package's ``__init__.py``. Outside of asv it does nothing. API keys
    are dummies from then on: no benchmark has a use for a real one.
    """
    runner = sys.modules.get("asv_runner.benchmarks")
    if runner is None:
        return
    package = str(sys._getframe(1).f_globals.get("__name__", ""))
    if "asv_runner.discovery" in sys.modules and package:
        from agent_perf.asv_plugin.showing import show_scenarios_of

        show_scenarios_of(package)
        os.environ.update(simulated_variables({}, os.environ))
    # Changed in place: asv's discovery holds the list itself.
    runner.benchmark_types[:] = [_refusing(kind) for kind in runner.benchmark_types]


def _refusing(kind: type[Any]) -> type[Any]:
    if getattr(kind, _MARK, False):
        return kind

    def construct(self: Any, name: str, func: Callable[..., object], sources: list[Any]) -> None:
        kind.__init__(self, name, func, sources)
        refuse_async(name, [func, *self._setups, *self._teardowns, self._setup_cache])

    return type(kind.__name__, (kind,), {_MARK: True, "__init__": construct})


def refuse_async(name: str, functions: Iterable[Callable[..., object] | None]) -> None:
    """
    Check that none of *functions* is a coroutine or asynchronous generator function.

    Raises:
        ConfigError: If one is: what it is, where it stands, and what to do instead.
    """
    for function in functions:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            code = inspect.unwrap(function).__code__
            raise ConfigError(
                f"benchmark {name}: {function.__name__} at {code.co_filename}:"
                f"{code.co_firstlineno} is `async def`, and asv would measure only the making "
                "of the coroutine; keep a loop and call `loop.run_until_complete(...)` in it, "
                "or make it a scenario"
            )
