"""
The fixture ``world``: what a test measures with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_perf.errors import BrokenError, UsageError

if TYPE_CHECKING:
    from agent_perf.pytest_plugin.ground import Ground
    from agent_perf.pytest_plugin.measured import MeasuredCommand, MeasuredRun
    from agent_perf.records import CommandRun, CommandSpec, Run, Tier
    from agent_perf.suite import CommandScenario, OpenWorld, Scenario
    from agent_perf.suite.inside import AnyRequest

_OTHER: Final = re.compile(r"[^A-Za-z0-9_]+")


class Bench:
    """
    Measures scenarios and functions in virtual time, for one test.

    In ``def test_…(world)`` it runs whole scenarios, each in a world of its own. An
    ``async def test_…(world)`` is itself run in such a world: there it is also the way to
    simulated Redis, databases, HTTP and models, and `measure` is awaited.

    Args:
        place: What runs of the test are called, ``tests.test_chat.test_answer``.
        source: The test's file.
        ground: Gives what the project is, when that is asked for.
        options: Of the marker ``world``: how the world of an async test is made.
    """

    def __init__(
        self,
        *,
        place: str,
        source: Path,
        ground: Callable[[], Ground],
        options: dict[str, Any],
    ) -> None:
        self._place = place
        self._source = source
        self._ground = ground
        self._options = options
        self._inside: OpenWorld | None = None
        self.runs: list[Run] = []
        self.commands: list[tuple[CommandSpec, CommandRun]] = []

    def run(
        self,
        scenario: Scenario | CommandScenario | str | Callable[..., Any],
        users: int | None = None,
        **options: Any,
    ) -> Any:
        """
        Return what *scenario* comes to with *users* concurrent users: a MeasuredRun.

        Args:
            scenario: A scenario, the name of one in the project's benchmark package, or what
                `agent_perf.scenario` makes one of. Of a command it is a MeasuredCommand.
            users: At least 1; the first of the scenario's own if None.
            options: Of a function, as `agent_perf.scenario` has them; of a scenario, its
                attributes that are to be others here, as ``seed=2``; and ``tier="wire"``.

        Raises:
            UsageError: If it is none of these, or called in an async test.
            BrokenError: If the scenario raised, or all its requests failed.
        """
        __tracebackhide__ = True
        self._refuse_inside("world.run", "`await world.measure(request)`")
        from agent_perf.repository import WORKTREE
        from agent_perf.suite import CommandScenario, run_scenario

        if isinstance(scenario, str):
            scenario = self._named(scenario)
        if isinstance(scenario, CommandScenario):
            if users is not None or options:
                raise UsageError(f"world.run of command {scenario.name}: it takes no options here")
            return self._execute(scenario)
        tier = _tier(options)
        chosen = self._scenario(scenario, options)
        count = chosen.users[0] if users is None else users
        if type(count) is not int or count < 1:
            raise UsageError(f"users={count!r}; want an integer >= 1")
        return self._keep(run_scenario(chosen, count, commit=WORKTREE, tier=tier))

    def measure(
        self,
        request: Callable[..., Any],
        *,
        users: int = 1,
        requests: int = 600,
        warmup: int = 1,
        think: str | None = "think",
        name: str = "",
        **options: Any,
    ) -> Any:
        """
        Return what *requests* requests come to; in an async test, to be awaited.

        Args:
            request: Makes one request. In an async test an async function of what is asked,
                which may return how it was answered in a word, or of nothing; otherwise what
                `run` takes.
            users: Who ask, wait for the answer and ask again; at least 1.
            requests: At least 1, shared out among the users, rounded up.
            warmup: Requests per user that come first and are forgotten.
            think: Operation whose latency table is the users' think time; None for none.
            name: What the run is called, ``family.name``; if empty, after the test.
            options: As in `run`; none in an async test.

        Raises:
            UsageError: If an argument makes no sense here.
            BrokenError: If all requests failed.
        """
        __tracebackhide__ = True
        if self._inside is None:
            how = {"requests": requests, "warmup": warmup, "think": think, "name": name}
            return self.run(request, users, **how, **options)
        if options:
            raise UsageError(
                f"world.measure({', '.join(options)}=...): the world of an async test is there "
                "already; say it to the test, with @pytest.mark.world(...)"
            )
        return self._measure_inside(
            self._inside,
            request,
            users=users,
            requests=requests,
            warmup=warmup,
            think=think,
            name=name or self._free_name(),
        )

    async def _measure_inside(
        self, world: OpenWorld, request: AnyRequest, **how: Any
    ) -> MeasuredRun:
        __tracebackhide__ = True
        return self._keep(await world.drive(request, **how))

    def in_world(self, test: Callable[..., Coroutine[Any, Any, object]]) -> Callable[..., None]:
        """Return async function *test* as a function that runs it in a world of its own."""

        def run_test(**fixtures: Any) -> None:
            from agent_perf.suite import run_inside

            async def visit(world: OpenWorld) -> None:
                self._inside = world
                try:
                    await test(**fixtures)
                finally:
                    self._inside = None

            options = dict(self._options)
            tier = _tier(options)
            run_inside(visit, self._made(_nothing, options), tier=tier)

        return run_test

    def __getattr__(self, name: str) -> Any:
        """Return what the world of an async test has of that name."""
        __tracebackhide__ = True
        if name.startswith("__"):
            raise AttributeError(name)
        inside = self.__dict__.get("_inside")
        if inside is not None:
            return getattr(inside, name)
        from agent_perf.suite import World

        if not hasattr(World, name):
            raise AttributeError(f"world has no {name!r}; it measures by `run` and `measure`")
        raise UsageError(
            f"world.{name} is there while a simulation runs: make the test `async def`, and ask "
            "for it in the test itself, not in a fixture; or use the world that a scenario is given"
        )

    def _scenario(self, what: object, options: dict[str, Any]) -> Scenario:
        from agent_perf.suite import Scenario

        if isinstance(what, Scenario):
            changes = {key: value for key, value in options.items() if value not in ("", None)}
            unknown = sorted(set(changes) - set(Scenario.__dataclass_fields__))
            if unknown:
                raise UsageError(
                    f"scenario {what.name} has no {', '.join(unknown)}; it has "
                    f"{', '.join(Scenario.__dataclass_fields__)}"
                )
            return replace(what, **changes)
        if callable(what):
            return self._made(what, {"users": (1,)} | options)
        raise UsageError(
            f"world.run({what!r}); want a scenario, the name of one, or an async function"
        )

    def _made(self, function: Callable[..., Any], options: dict[str, Any]) -> Scenario:
        from agent_perf.suite import scenario

        name = options.pop("name", "") or self._free_name()
        # Which of its forms it is, the options say when they are read.
        decorator: Any = scenario
        made: Scenario = replace(decorator(name, **options)(function), source=self._source)
        return made

    def _execute(self, scenario: CommandScenario) -> MeasuredCommand:
        from agent_perf.pytest_plugin.measured import MeasuredCommand
        from agent_perf.records import Failure
        from agent_perf.repository import WORKTREE
        from agent_perf.suite import Tree, run_command

        spec = scenario.spec()
        ground = self._ground()
        tree = Tree(commit=WORKTREE, root=ground.root, path=ground.path)
        run = run_command(spec, tree)
        if isinstance(run, Failure):
            raise BrokenError(f"command {run.benchmark}: {run.message}\n{run.traceback}".rstrip())
        self.commands.append((spec, run))
        return MeasuredCommand(run)

    def _named(self, name: str) -> Scenario | CommandScenario:
        import difflib

        from agent_perf.suite import load_catalog

        ground = self._ground()
        place = ground.root / ground.config.benchmarks
        catalog = load_catalog(ground.config.benchmarks, ground.root)
        known: tuple[Scenario | CommandScenario, ...] = (*catalog.scenarios, *catalog.commands)
        found = {one.name: one for one in known}
        if name in found:
            return found[name]
        close = difflib.get_close_matches(name, found, n=1)
        broken = "".join(
            f"; {module.name} cannot be imported: {module.message}" for module in catalog.broken
        )
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(found) or 'none'}"
        raise UsageError(f"no scenario {name!r} in {place}; {hint}{broken}")

    def _free_name(self) -> str:
        taken = {run.scenario for run in self.runs}
        number = 1
        while (name := self._place + (f"_{number}" if number > 1 else "")) in taken:
            number += 1
        return name

    def _keep(self, run: Run) -> MeasuredRun:
        from agent_perf.pytest_plugin.measured import MeasuredRun

        self.runs.append(run)
        return MeasuredRun(run)

    def _refuse_inside(self, what: str, instead: str) -> None:
        if self._inside is not None:
            raise UsageError(
                f"{what} makes a world of its own, and an async test is in one already; "
                f"want {instead}, or a test without `async`"
            )


def place_of(node_path: str, test: str) -> str:
    """
    Return what the runs of a test are called.

    Args:
        node_path: Of its file, relative to the root: ``tests/test_chat.py``.
        test: Its name, with class and parameters: ``TestChat::test_answer[cold]``.
    """
    parts = (*Path(node_path).with_suffix("").parts, *test.split("::"))
    return ".".join(_OTHER.sub("_", part).strip("_") or "_" for part in parts)


def _tier(options: dict[str, Any]) -> Tier:
    """Return the tier that *options* name, and take it from them."""
    from agent_perf.records import Tier

    name = options.pop("tier", Tier.CLIENT.value)
    if name not in {tier.value for tier in Tier}:
        raise UsageError(f"tier={name!r}; want one of {', '.join(tier.value for tier in Tier)}")
    return Tier(name)


async def _nothing(_world: object) -> Any:
    """Build nothing: the visitor does. To be a scenario, it yields once."""
    yield None
