"""
Finds the scenarios in a benchmark package.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from agent_perf.errors import ConfigError, UsageError
from agent_perf.scrubbing import harmless
from agent_perf.suite.command_scenario import CommandScenario
from agent_perf.suite.declaration import Scenario
from agent_perf.variables import variables_set


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenModule:
    """A benchmark file that cannot be imported: its name, the error, the traceback."""

    name: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """
    What a benchmark package holds.

    Attributes:
        scenarios: By name, in alphabetical order.
        broken: Files that cannot be imported, likewise.
        commands: Commands, likewise.
    """

    scenarios: tuple[Scenario, ...]
    broken: tuple[BrokenModule, ...]
    commands: tuple[CommandScenario, ...] = ()


def load_catalog(package: str, root: Path) -> Catalog:
    """
    Import every module of *package* and return its scenarios.

    A module that cannot be imported is told, and takes none of the others with it.

    Args:
        package: Folder of the benchmarks, relative to *root*.
        root: Folder put first on the import path.

    Raises:
        UsageError: If there is no such folder.
        ConfigError: If two scenarios have one name.
    """
    folder = root / package
    if not folder.is_dir():
        raise UsageError(
            f"no benchmark package {package!r} in {root}; set `benchmarks` in the configuration"
        )
    # A project that is installed for editing is on the path already, but behind whatever else
    # brings a package of that name.
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    dotted = package.strip("/").replace("/", ".")
    found: dict[str, Scenario | CommandScenario] = {}
    broken: list[BrokenModule] = []
    for name in (dotted, *sorted(_module_names(folder, dotted))):
        if any(name.startswith(f"{one.name}.") for one in broken):
            # It would say of each of its modules what it has said of itself.
            continue
        try:
            # Clients that an application makes at import want a key, and get no real one.
            with variables_set({}):
                module = importlib.import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (a file may raise anything, even SystemExit)
            text = "".join(traceback.format_exception(error))
            message = harmless(f"{type(error).__name__}: {error}")
            broken.append(
                BrokenModule(name=name, message=message, traceback=harmless(text)[-4000:])
            )
            continue
        for value in vars(module).values():
            if not isinstance(value, Scenario | CommandScenario):
                continue
            if found.setdefault(value.name, value) is not value:
                raise ConfigError(
                    f"two scenarios are named {value.name!r}: in {found[value.name].source} and "
                    f"{value.source}; rename one"
                )
    ordered = [found[name] for name in sorted(found)]
    return Catalog(
        scenarios=tuple(one for one in ordered if isinstance(one, Scenario)),
        broken=tuple(broken),
        commands=tuple(one for one in ordered if isinstance(one, CommandScenario)),
    )


def _module_names(folder: Path, dotted: str) -> Iterator[str]:
    """Yield the names of all modules below package *dotted*, without importing any."""
    for info in pkgutil.iter_modules([str(folder)], f"{dotted}."):
        yield info.name
        if info.ispkg:
            yield from _module_names(folder / info.name.rpartition(".")[2], info.name)


def is_wanted(scenario: Scenario, benchmark: str, patterns: Sequence[str]) -> bool:
    """
    Return whether *patterns* ask for *benchmark*, a load of *scenario*; none ask for all.

    Args:
        scenario: One that is only named is asked for by its own or the benchmark's name.
        benchmark: As ``agent.chat@200``.
        patterns: Of benchmarks or scenarios, as fnmatch has them.
    """
    names = (benchmark, scenario.name)
    if scenario.only_named:
        return any(pattern in names for pattern in patterns)
    return not patterns or any(fnmatchcase(name, p) for name in names for p in patterns)
