"""
The scenarios that a command line names.
"""

from __future__ import annotations

from agent_perf.cli.project import Project
from agent_perf.config import did_you_mean
from agent_perf.errors import TargetImportError, UsageError
from agent_perf.suite import Scenario, load_catalog


def find_mix(project: Project, names: tuple[str, ...]) -> list[tuple[Scenario, int]]:
    """
    Return the scenarios in *names*, each with its weight: ``name=3``, by default 1.

    Raises:
        UsageError: If a weight is none, or a scenario is not there, or twice.
        TargetImportError: If it is not there, and a file of them does not import.
    """
    catalog = load_catalog(project.config.benchmarks, project.root)
    known = {scenario.name: scenario for scenario in catalog.scenarios}
    mix: list[tuple[Scenario, int]] = []
    for text in names:
        name, _, weight = text.partition("=")
        if weight and not weight.isdecimal():
            raise UsageError(f"{text!r}: weight {weight!r}; want a whole number, as {name}=3")
        if any(name == scenario.name for scenario, _ in mix):
            raise UsageError(f"scenario {name!r} is named twice; give it a weight, as {name}=2")
        if name in known:
            mix.append((known[name], int(weight or 1)))
            continue
        if catalog.broken:
            first = catalog.broken[0]
            raise TargetImportError(
                f"no scenario {name!r}, and {first.name} cannot be imported: {first.message}"
            )
        raise UsageError(f"no scenario {name!r}; {did_you_mean(name, known, kind='there are')}")
    return mix
