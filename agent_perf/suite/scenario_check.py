"""
Whether the scenarios of a project are fit to be measured: each is set up, asked, and ended twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from agent_perf.errors import RealWorldAccess
from agent_perf.scrubbing import harmless
from agent_perf.suite.catalog import is_wanted, load_catalog
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.health import Fitness, HealthCheck
from agent_perf.suite.runner import run_scenario

_REQUESTS: Final = 2
_NAMED_MAX: Final = 3
_MESSAGE_CHARS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    What became of one scenario, or of a file of them.

    Attributes:
        name: Its own.
        trouble: ``import``, ``network`` for a real socket, thread or process, ``broken``,
            ``leftover`` if its second run takes other steps; empty if all is well.
        message: What happened, in a line.
    """

    name: str
    trouble: str = ""
    message: str = ""


def try_scenarios(
    package: str, path: Sequence[Path], *, only: Sequence[str], time_limit_s: float
) -> tuple[Trial, ...] | Broken:
    """
    Return what became of each scenario of *package* after two runs of two requests.

    They run in one fork, which is thrown away; Broken if that hung or crashed.

    Args:
        package: Folder of the benchmarks, below the first of *path*.
        path: Folders for the import path, as Tree.path.
        only: Patterns of names; empty: all.
        time_limit_s: Real seconds for all of them.
    """

    def work() -> bytes:
        # What the code under test prints must not get among our own lines.
        os.dup2(2, 1)
        sys.path[:0] = [str(folder) for folder in path]
        catalog = load_catalog(package, path[0])
        trials = [
            Trial(name=one.name, trouble="import", message=_one_line(one.message))
            for one in catalog.broken
        ]
        trials += [
            _try(scenario)
            for scenario in catalog.scenarios
            if not only or any(is_wanted(scenario, name, only) for name in scenario.benchmarks())
        ]
        return msgspec.json.encode(trials)

    answer = run_in_fork(work, time_limit_s=time_limit_s)
    if isinstance(answer, Broken):
        return answer
    return msgspec.json.decode(answer, type=tuple[Trial, ...])


def trial_checks(trials: Sequence[Trial] | Broken) -> tuple[HealthCheck, ...]:
    """Return what *trials* say of a project's scenarios, judged."""
    if isinstance(trials, Broken):
        return (
            HealthCheck(
                name="Scenarios",
                fitness=Fitness.BROKEN,
                found=f"trying them ended with {trials.category}: {_one_line(trials.message)}",
                advice="`agent-perf run worktree` tells which one it is",
            ),
        )
    if not trials:
        return (HealthCheck(name="Scenarios", fitness=Fitness.NOTE, found="there is none to try"),)
    return tuple(_checks(trials))


def _checks(trials: Sequence[Trial]) -> Iterator[HealthCheck]:
    count = len(trials)
    yield _judged(
        "Scenarios",
        [one for one in trials if one.trouble in {"import", "broken"}],
        fitness=Fitness.BROKEN,
        good=f"{count} set up, answered and ended",
        advice="mend it first: nothing that it holds can be measured",
    )
    yield _judged(
        "Network",
        [one for one in trials if one.trouble == "network"],
        fitness=Fitness.BROKEN,
        good="no scenario reached for a real socket, thread or process",
        advice="give it the world's client: world.redis, .database, .http, .llm or .pusher",
    )
    yield _judged(
        "Data",
        [one for one in trials if one.trouble == "leftover"],
        fitness=Fitness.WARNING,
        good="what scenarios set up is gone when they end",
        advice="make its data inside the scenario, not in a module or a file",
    )


def _judged(
    name: str, bad: Sequence[Trial], *, fitness: Fitness, good: str, advice: str
) -> HealthCheck:
    if not bad:
        return HealthCheck(name=name, fitness=Fitness.GOOD, found=good)
    told = "; ".join(f"{one.name}: {one.message}" for one in bad[:_NAMED_MAX])
    more = f"; and {len(bad) - _NAMED_MAX} more" if len(bad) > _NAMED_MAX else ""
    return HealthCheck(name=name, fitness=fitness, found=told + more, advice=advice)


def _try(scenario: Scenario) -> Trial:
    # Of a load, too: hours of requests are too many to be tried, and too many for a run.
    short = replace(scenario, requests=_REQUESTS, warmup=0, load=None)
    digests = []
    for _ in range(2):
        try:
            digests.append(run_scenario(short, 1, commit="trial").trace_digest)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (code under test may raise anything)
            return _failed(scenario.name, error, again=bool(digests))
    if digests[0] != digests[1]:
        message = "its second run in one process takes other steps than its first"
        return Trial(name=scenario.name, trouble="leftover", message=message)
    return Trial(name=scenario.name)


def _failed(name: str, error: BaseException, *, again: bool) -> Trial:
    message = harmless(_one_line(f"{type(error).__name__}: {error}"))
    if any(isinstance(one, RealWorldAccess) for one in _chain(error)):
        return Trial(name=name, trouble="network", message=message)
    if again:
        told = f"its second run in one process fails: {message}"
        return Trial(name=name, trouble="leftover", message=told)
    return Trial(name=name, trouble="broken", message=message)


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    seen: set[int] = set()
    # Who writes `raise error from error` makes an error its own cause.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_CHARS else f"{line[: _MESSAGE_CHARS - 1]}…"
