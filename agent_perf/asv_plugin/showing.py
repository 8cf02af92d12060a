"""
Shows scenarios to asv that no class of their own shows: each becomes one where it stands.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agent_perf.asv_plugin.tracking import Cache, ScenarioBenchmark
    from agent_perf.suite import Scenario

COUNTS: Final = (
    "db_statements",
    "http_requests",
    "llm_calls",
    "llm_cost_nanousd",
    "llm_tokens_in",
    "llm_tokens_out",
    "redis_trips",
    "tool_calls",
)
"""What is shown of the work of each; what a scenario does not do is 0."""


def show_scenarios_of(package: str) -> None:
    """
    Let every module of *package* that is imported from now on show its scenarios to asv.

    asv looks for classes in modules, so each scenario gets one, named after its function:
    ``chat.AnswerWithSearch`` for ``answer_with_search``. Not so one that a ScenarioBenchmark of
    its module shows already, or that is only measured by its name.
    """
    if not any(isinstance(one, _Finder) and one.package == package for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder(package))


class _Finder(MetaPathFinder):
    """Finds the modules of a package as usual, and looks at them once they are there."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what Python finds, with our look behind it."""
        if not fullname.startswith(f"{self.package}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_show(module: ModuleType) -> None:
            execute(module)
            # A package of micro-benchmarks alone need not wait for what scenarios bring.
            if "agent_perf.suite.declaration" in sys.modules:
                show_scenarios(module)

        loader.exec_module = execute_and_show
        return spec


def show_scenarios(module: ModuleType) -> None:
    """Give *module* a class for each of its scenarios that has none there."""
    from agent_perf.asv_plugin.tracking import ScenarioBenchmark
    from agent_perf.suite import Scenario

    values = list(vars(module).values())
    shown = {
        id(value.scenario)
        for value in values
        if inspect.isclass(value)
        and issubclass(value, ScenarioBenchmark)
        and value is not ScenarioBenchmark
    }
    own = Path(module.__file__ or "")
    for value in values:
        if (
            isinstance(value, Scenario)
            and id(value) not in shown
            and not value.only_named
            and value.source == own
        ):
            kind = class_of(value, module.__name__)
            while hasattr(module, kind.__name__):
                kind.__name__ += "Scenario"
            setattr(module, kind.__name__, kind)


def class_of(scenario: Scenario, module: str) -> type[ScenarioBenchmark]:
    """Return the class that shows *scenario*, of the module called *module*."""
    from agent_perf.asv_plugin.tracking import ScenarioBenchmark

    function: Any = inspect.unwrap(scenario.build)

    def setup_cache(self: ScenarioBenchmark) -> Cache:
        return self.measure()

    # asv tells caches apart by the line they stand on: the scenario's own.
    own: Any = setup_cache
    own.__code__ = own.__code__.replace(
        co_filename=function.__code__.co_filename,
        co_firstlineno=function.__code__.co_firstlineno,
    )
    own.__module__ = module
    name = "".join(word[:1].upper() + word[1:] for word in function.__name__.split("_"))
    return type(
        name,
        (ScenarioBenchmark,),
        {
            "__module__": module,
            "__doc__": function.__doc__,
            "scenario": scenario,
            "latencies": _latencies(scenario),
            "counts": COUNTS,
            "setup_cache": setup_cache,
        },
    )


def _latencies(scenario: Scenario) -> tuple[str, ...]:
    """Return the percentiles that the scenario's requests carry."""
    from agent_perf.stats import samples_needed

    count = scenario.requests if scenario.load is None else int(scenario.load.expected_count)
    return tuple(
        name
        for name, q in (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"))
        if count >= samples_needed(q)
    )
