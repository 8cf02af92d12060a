"""
A scenario as it was declared: a system, the load on it, and what it promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from agent_perf.amounts import check_target
from agent_perf.errors import ConfigError
from agent_perf.load import NO_LIMITS, Limits, Request, Shape
from agent_perf.load.data import Case
from agent_perf.sim import CpuMode, ExecutorPolicy, LatencyTable
from agent_perf.sim.faults import Fault, check_faults
from agent_perf.suite.checks import Check, check_checks
from agent_perf.suite.world import World

VIRTUAL_LIMIT_S: Final = 86_400.0
"""A day: longer than a soak takes, and soon over if nothing but a timer ticks."""

NAME: Final = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")
"""What a scenario may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    A system, the load on it, and what it promises.

    Attributes:
        name: ``family.name``, of letters, digits and underscores.
        build: Opens the system in a world, gives the request function, closes it.
        users: Loads to measure at: numbers of concurrent users, each >= 1.
        requests: Requests per load, shared out among the users, rounded up.
        warmup: Requests per user that come first and are forgotten.
        think: Operation whose latency table is the users' think time; None for none.
        seed: Of all draws.
        tables: Latency tables of this scenario, over the defaults.
        targets: Metric to the largest value allowed, in base units.
        source: The file that defines it.
        load: Requests that arrive by themselves, dealt among the users; None: users who
            think, ask and wait, *requests* of them in all.
        limits: What *load* keeps within.
        faults: What goes wrong, and when, counted from the end of the warm-up.
        checks: What it promises of them.
        cpu: What CPU time is charged for.
        virtual_limit_s: Virtual time after which the simulation is stopped as one that
            never ends, > 0.
        executor: What becomes of functions handed to threads: ``refuse`` is an error,
            ``inline`` runs them on modelled workers.
        only_named: It is measured only when asked for by its whole name, as in
            ``agent-perf load shop.soak``: no pattern, and no verb without names, finds it.
        cases: Questions that `agent-perf cases` asks, beside the edge cases.
    """

    name: str
    build: Callable[[World], AbstractAsyncContextManager[Request]]
    users: tuple[int, ...]
    requests: int
    warmup: int
    think: str | None
    seed: int
    tables: Mapping[str, LatencyTable]
    targets: Mapping[str, float]
    source: Path
    load: Shape | None = None
    limits: Limits = NO_LIMITS
    faults: tuple[Fault, ...] = ()
    checks: tuple[Check, ...] = ()
    cpu: CpuMode = CpuMode.NONE
    virtual_limit_s: float = VIRTUAL_LIMIT_S
    executor: ExecutorPolicy = "refuse"
    only_named: bool = False
    cases: tuple[Case, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"scenario name {self.name!r}; want family.name, of letters, digits and underscores"
            )
        self._check_users()
        if self.executor not in get_args(ExecutorPolicy):
            raise ConfigError(
                f"scenario {self.name}: executor={self.executor!r}; want one of "
                f"{get_args(ExecutorPolicy)}"
            )
        for label, number, least in (("requests", self.requests, 1), ("warmup", self.warmup, 0)):
            if type(number) is not int or number < least:
                raise ConfigError(
                    f"scenario {self.name}: {label}={number!r}; want an integer >= {least}"
                )
        if self.load is not None and not callable(getattr(self.load, "arrivals", None)):
            raise ConfigError(
                f"scenario {self.name}: load={self.load!r}; want a shape, as "
                "agent_perf.load.Poisson(rate_hz=20, for_s=60)"
            )
        if not self.virtual_limit_s > 0:
            raise ConfigError(
                f"scenario {self.name}: virtual_limit_s={self.virtual_limit_s}; want > 0"
            )
        if not all(isinstance(case, Case) for case in self.cases):
            raise ConfigError(
                f"scenario {self.name}: cases={self.cases!r}; want Cases, as (*error_cases(),)"
            )
        self._check_promises()

    def _check_promises(self) -> None:
        if type(self.seed) is not int:
            raise ConfigError(f"scenario {self.name}: seed={self.seed!r}; want an integer")
        for operation, table in self.tables.items():
            if not isinstance(table, LatencyTable):
                raise ConfigError(
                    f"scenario {self.name}: table {operation} = {table!r}; want a LatencyTable, as "
                    "constant_table() makes"
                )
        check_faults(self.faults)
        check_checks(self.checks, self.faults)
        for metric, at_most in self.targets.items():
            told = f"scenario {self.name}: target {metric} = {at_most!r}"
            if not isinstance(at_most, int | float):
                raise ConfigError(f"{told}; want a number in base units, finite, > 0")
            check_target(metric, at_most, told)

    def _check_users(self) -> None:
        if not isinstance(self.users, tuple):
            raise ConfigError(f"scenario {self.name}: users={self.users}; want a tuple, as (1, 50)")
        if not self.users or any(type(n) is not int or n < 1 for n in self.users):
            raise ConfigError(f"scenario {self.name}: users={self.users}; want integers >= 1")
        if len(set(self.users)) != len(self.users):
            raise ConfigError(f"scenario {self.name}: users={self.users}; want each load once")

    def benchmarks(self) -> tuple[str, ...]:
        """Return the names of its benchmarks, one per load: ``agent.chat@200``."""
        return tuple(f"{self.name}@{users}" for users in self.users)


def cpu_mode(name: str, whose: str) -> CpuMode:
    """Return the mode called *name*; a ConfigError for *whose* wish if there is none."""
    try:
        return CpuMode(name)
    except ValueError:
        names = ", ".join(repr(mode.value) for mode in CpuMode)
        raise ConfigError(f"{whose}: cpu={name!r}; want one of {names}") from None
