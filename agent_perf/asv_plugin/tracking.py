"""
Makes asv benchmarks of a scenario: one simulation per load gives every figure.
"""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from agent_perf import codec
from agent_perf.asv_plugin import services  # noqa: F401 (for its imports)
from agent_perf.config import Config, load_config
from agent_perf.errors import BrokenError, ConfigError
from agent_perf.history import ResultStore, machine_name
from agent_perf.measure import current_environment
from agent_perf.records import Run
from agent_perf.stats import Direction, direction, summarize
from agent_perf.suite import Broken, Scenario, run_in_fork, run_scenario

Figures = Mapping[str, float]
"""Metric to its value in base units."""

Cache = Mapping[int, Figures | str]
"""Number of users to the figures of that load, or to why there are none."""

_MS: Final = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What is known of where asv runs us: the project, and the commit if it is one."""

    root: Path
    config: Config
    commit: str | None


class ScenarioBenchmark:
    """
    Base of the classes that show a scenario to asv.

    Every subclass names its scenario and has a ``setup_cache`` of its own, because asv
    tells caches apart by the line on which that function stands::

        class Chat(ScenarioBenchmark):
            scenario = chat
            counts = ("llm_calls", "db_statements")

            def setup_cache(self):
                return self.measure()

    It becomes ``Chat.track_latency`` over users and percentiles in ms, and
    ``Chat.track_work`` over users and work counts per run. All figures of a run, and its
    slow request, are kept in the result store besides.

    Attributes:
        scenario: What is run.
        latencies: Percentiles, ``p95``, or of one path, ``hit.p95``.
        counts: Work counts; for each, more must be worse: asv takes every rise for a
            regression.
        timeout: Seconds for asv to wait for all loads together.
    """

    scenario: ClassVar[Scenario]
    latencies: ClassVar[tuple[str, ...]] = ("p50", "p95", "p99")
    counts: ClassVar[tuple[str, ...]] = ()
    timeout: ClassVar[float] = 300.0
    version: ClassVar[str]

    def __init_subclass__(cls) -> None:
        name = cls.__name__
        if not isinstance(getattr(cls, "scenario", None), Scenario):
            raise ConfigError(f"{name}.scenario is missing; want what @scenario made")
        if "setup_cache" not in vars(cls):
            raise ConfigError(
                f"{name} has no setup_cache of its own; add `def setup_cache(self): return "
                "self.measure()`, because asv tells caches apart by the line they stand on"
            )
        for count in cls.counts:
            if direction(f"work.{count}") is not Direction.LESS_IS_BETTER:
                raise ConfigError(
                    f"{name}: more {count} is no worse, and asv takes every rise for a "
                    "regression; track its opposite, as in redis_misses"
                )
        cls.version = _version(cls.scenario, cls.latencies, cls.counts)
        users = list(cls.scenario.users)
        latency, work = _tracker(_latency), _tracker(_work)
        _describe(latency, cls, "ms", ["users", "percentile"], [users, list(cls.latencies)])
        setattr(cls, "track_latency", latency)  # noqa: B010 (asv would find it on the base)
        if cls.counts:
            _describe(work, cls, "count", ["users", "count"], [users, list(cls.counts)])
            setattr(cls, "track_work", work)  # noqa: B010

    def measure(self) -> Cache:
        """
        Run the scenario at each of its loads, keep the runs, and return their figures.

        A load that breaks takes none of the others with it: its error stands in its place.

        Raises:
            StoreError: If a run cannot be kept.
        """
        bench = _bench()
        store = ResultStore(root=bench.root / bench.config.results, machine=machine_name())
        kept = store.load(bench.commit).runs if bench.commit else {}
        found: dict[int, Figures | str] = {}
        for users in self.scenario.users:
            run = kept.get(_key(self.scenario, users)) or _run(self.scenario, users, bench)
            if isinstance(run, Run):
                if bench.commit and run.key not in kept:
                    store.save(run)
                found[users] = _figures(run, self.counts)
            else:
                found[users] = f"{run.category}: {run.message}\n{run.traceback}".strip()
        return found


def _latency(cache: Cache, users: int, name: str) -> float:
    # To the nanosecond: 0.405288, not 0.40528800000000004.
    return round(_read(cache, users, f"latency.{name}") * _MS, 6)


def _work(cache: Cache, users: int, name: str) -> float:
    return _read(cache, users, f"work.{name}")


def _read(cache: Cache, users: int, metric: str) -> float:
    figures = cache[users]
    if isinstance(figures, str):
        raise BrokenError(f"no figures at {users} users: {figures}")
    if metric not in figures:
        raise BrokenError(
            f"the run at {users} users has no {metric}; it has {', '.join(sorted(figures))}"
        )
    # Finite, because metrics and counts are: an infinite value would hang `asv publish`.
    return figures[metric]


def _figures(run: Run, counts: tuple[str, ...]) -> Figures:
    figures = {metric.name: metric.value for metric in summarize(run)}
    return figures | {f"work.{name}": run.counts.get(name, 0) for name in counts}


def _run(scenario: Scenario, users: int, bench: _Bench) -> Run | Broken:
    # A fork for each load: none finds what another left behind, and a hang can be ended.
    answer = run_in_fork(
        lambda: codec.dump_run(run_scenario(scenario, users, commit=bench.commit or "worktree")),
        time_limit_s=bench.config.time_limit_s,
    )
    if isinstance(answer, Broken):
        return answer
    return codec.load_run(answer, f"{scenario.name}@{users}")


def _key(scenario: Scenario, users: int) -> str:
    return f"{scenario.name}@{users}-{current_environment((scenario.source,)).key}"


def _bench() -> _Bench:
    root = Path(os.environ.get("ASV_CONF_DIR") or Path.cwd())
    return _Bench(root=root, config=load_config(root), commit=os.environ.get("ASV_COMMIT"))


def _version(scenario: Scenario, *shown: tuple[str, ...]) -> str:
    environment = current_environment((scenario.source,))
    metrics = ",".join(itertools.chain.from_iterable(shown))
    return f"{environment.harness[:12]}-{environment.scenario[:12]}-{metrics}"


def _tracker(read: Callable[[Cache, int, str], float]) -> Callable[..., float]:
    def track(self: ScenarioBenchmark, cache: Cache, users: int, name: str) -> float:
        return read(cache, users, name)

    return track


def _describe(
    track: Any,
    cls: type[ScenarioBenchmark],
    unit: str,
    param_names: list[str],
    params: list[list[Any]],
) -> None:
    """Give *track* the attributes that asv reads, and those it hands on to benchmarks.json."""
    track.unit = unit
    track.param_names = param_names
    track.params = params
    track.pretty_source = inspect.getsource(inspect.unwrap(cls.scenario.build))
    track.scenario = cls.scenario.name
    track.targets = dict(cls.scenario.targets)
