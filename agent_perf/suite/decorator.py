"""
What a user writes: a system in a world, and the request that is measured.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Unpack, overload

from agent_perf.errors import ConfigError
from agent_perf.load import NO_LIMITS, Limits, Shape
from agent_perf.load.data import Case
from agent_perf.sim import ExecutorPolicy, LatencyTable
from agent_perf.sim.faults import Fault
from agent_perf.suite.application import find_app
from agent_perf.suite.checks import Check
from agent_perf.suite.command_scenario import (
    EXECUTIONS,
    TIMEOUT_S,
    CommandScenario,
    Words,
    command_decorator,
)
from agent_perf.suite.declaration import NAME, VIRTUAL_LIMIT_S, Scenario, cpu_mode
from agent_perf.suite.path_targets import named_targets
from agent_perf.suite.plain import Function, Surround, build_of
from agent_perf.suite.promises import Promises, promised_targets
from agent_perf.variables import check_variables, variables_set

_USERS: Final = (1, 50, 200)


@overload
def scenario(name: Function, /) -> Scenario: ...


@overload
def scenario(
    name: str | None = None,
    *,
    app: object = None,
    env: Mapping[str, str] | None = None,
    setup: Function | None = None,
    users: tuple[int, ...] | None = None,
    requests: int = 600,
    warmup: int = 1,
    think: str | None = "think",
    seed: int = 1,
    tables: Mapping[str, LatencyTable] | None = None,
    targets: Mapping[str, float] | str | None = None,
    load: Shape | None = None,
    limits: Limits = NO_LIMITS,
    faults: tuple[Fault, ...] = (),
    checks: tuple[Check, ...] = (),
    cpu: str = "none",
    virtual_limit_s: float = VIRTUAL_LIMIT_S,
    executor: ExecutorPolicy | None = None,
    only_named: bool = False,
    cases: tuple[Case, ...] = (),
    **promises: Unpack[Promises],
) -> Callable[[Function], Scenario]: ...


@overload
def scenario(
    name: str | None = None,
    *,
    command: Words,
    env: Mapping[str, str] | None = None,
    cwd: str = ".",
    stdin: str = "",
    timeout: str | float = TIMEOUT_S,
    warmup: int = 1,
    executions: int = EXECUTIONS,
    exit_codes: tuple[int, ...] = (0,),
    targets: Mapping[str, str | float] | None = None,
) -> Callable[[Function], CommandScenario]: ...


def scenario(  # noqa: PLR0913 (each is optional, and named where it is given)
    name: str | Function | None = None,
    *,
    app: object = None,
    env: Mapping[str, str] | None = None,
    setup: Function | None = None,
    users: tuple[int, ...] | None = None,
    requests: int = 600,
    warmup: int = 1,
    think: str | None = "think",
    seed: int = 1,
    tables: Mapping[str, LatencyTable] | None = None,
    targets: Mapping[str, Any] | str | None = None,
    load: Shape | None = None,
    limits: Limits = NO_LIMITS,
    faults: tuple[Fault, ...] = (),
    checks: tuple[Check, ...] = (),
    cpu: str = "none",
    virtual_limit_s: float = VIRTUAL_LIMIT_S,
    executor: ExecutorPolicy | None = None,
    only_named: bool = False,
    cases: tuple[Case, ...] = (),
    **promises: Any,
) -> Any:
    """
    Make a scenario of a function.

    With an application, each call is one request to it; *client* is an httpx.AsyncClient::

        @scenario(app=app, p95="150ms", max_llm_calls=2)
        async def answer(client, world):
            world.llm(llm.text("Refunds take a week.", ttft="20ms"))
            reply = await client.post("/chat", json={"message": "How do refunds work?"})
            assert reply.status_code == 200

    Without, each call is one request to whatever it calls: ``async def f(world)``. An async
    generator function builds a system of its own in the world, and yields the request function::

        @scenario("shop.search", targets={"latency.p95": 0.150})
        async def search(world):
            redis = world.redis.client()

            async def request(ask):
                hit = await redis.get(f"q:{ask.index % 10}")
                return "miss" if hit is None else "hit"

            yield request
            await redis.aclose()

    The other arguments are the attributes of Scenario, or its Promises. docs/scenarios.md tells
    of each.

    *name* is by default the file's and the function's. *app* is an ASGI application, what makes
    one, or ``"module:name"``. *env* is set while *app* is imported by its name, and in the world.
    *setup* is called once for each world, with `world`: before the application starts, or, if it
    takes a `client`, after. *users* are 1, 50 and 200 if not given, with a *load* 50. *targets*
    may be the name of a kind of path, as ``"cache.get"``: then they are those of PATH_TARGETS.
    *executor* is ``inline``, for generators without *app* ``refuse``.

    With *command*, it is the scenario of a whole process, which is measured on the machine
    itself, and *function* gives it its name: docs/commands.md.

    Raises:
        ConfigError: If a value is not valid, or the function is of another kind.
    """
    if "command" in promises:
        options = {"env": env, "warmup": warmup, "targets": targets, **promises}
        simulated = {
            "app": app,
            "setup": setup,
            "users": users,
            "requests": requests,
            "think": think,
            "seed": seed,
            "tables": tables,
            "load": load,
            "limits": limits,
            "faults": faults,
            "checks": checks,
            "cpu": cpu,
            "virtual_limit_s": virtual_limit_s,
            "executor": executor,
            "only_named": only_named,
            "cases": cases,
        }
        return command_decorator(name, options, _said(simulated))

    def decorate(function: Function) -> Scenario:
        full_name = name if isinstance(name, str) else _name_of(function)
        whose = f"scenario {full_name}"
        own_env = check_variables(env or {}, whose)
        short = app is not None or not inspect.isasyncgenfunction(function)
        build: Any = function
        if short or env or setup:
            with variables_set(own_env):
                found = None if app is None else find_app(app, whose)
            build = build_of(function, Surround(app=found, env=own_env, setup=setup), whose)
        return Scenario(
            name=full_name,
            build=asynccontextmanager(build),
            users=users if users is not None else _USERS if load is None else _USERS[1:2],
            requests=requests,
            warmup=warmup,
            think=think,
            seed=seed,
            tables=tables or {},
            targets=_joined(
                named_targets(targets, full_name), promises, whose, short and not faults
            ),
            source=Path(inspect.getsourcefile(function) or "unknown"),
            load=load,
            limits=limits,
            faults=faults,
            checks=checks,
            cpu=cpu_mode(cpu, whose),
            virtual_limit_s=virtual_limit_s,
            executor=executor or ("inline" if short else "refuse"),
            only_named=only_named,
            cases=cases,
        )

    return decorate(name) if callable(name) else decorate


def _said(options: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of *options* of `scenario` that are not as if nobody had given them."""
    parameters = inspect.signature(scenario).parameters
    return tuple(key for key, value in options.items() if value != parameters[key].default)


def _name_of(function: Function) -> str:
    """Return the name of a scenario that says none: its file's and its function's."""
    if not callable(function) or not hasattr(function, "__name__"):
        raise ConfigError(f"scenario of {function!r}; want a function, as @scenario finds below it")
    stem = Path(inspect.getsourcefile(function) or "unknown").stem
    found = f"{stem}.{function.__name__}"
    if not NAME.fullmatch(found):
        raise ConfigError(
            f"scenario of {function.__qualname__} in {stem}.py: {found!r} cannot be its name; give "
            'one of letters, digits and underscores, as @scenario("chat.answer")'
        )
    return found


def _joined(
    targets: Mapping[str, float], promises: Mapping[str, object], whose: str, asserts: bool
) -> Mapping[str, float]:
    """Return *targets* with the *promises*, and, where a request *asserts*, that all succeed."""
    short = promised_targets(promises, whose)
    twice = sorted(set(targets) & set(short))
    if twice:
        raise ConfigError(f"{whose}: {twice[0]} is a target twice; say it once")
    both = {**targets, **short}
    if asserts:
        # What a request asserts is promised, for each of them.
        both.setdefault("success_ratio", 1.0)
    return both
