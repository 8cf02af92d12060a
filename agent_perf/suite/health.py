"""
Whether a machine and an installation are fit to measure: pure judgements of what they tell.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Machine
from agent_perf.units import MIB, format_value

_LOAD_PER_CORE_MAX: Final = 0.5
_PRESSURE_MAX: Final = 0.10
_STEAL_MAX: Final = 0.01
_MEMORY_BYTES_MIN: Final = 1024 * MIB
_SWAP_BYTES_MAX: Final = 256 * MIB
_DISK_BYTES_MIN: Final = 1024 * MIB
_DISK_BYTES_LAST: Final = 50 * MIB
_CLOCK_STEP_S_MAX: Final = 1e-6
"""A hundredth of the shortest call that is timed."""


class Fitness(enum.Enum):
    """What a check came to."""

    GOOD = "good"
    NOTE = "note"
    """Good to know."""
    WARNING = "warning"
    """It makes verdicts slower, or less sure."""
    BROKEN = "broken"
    """Nothing can be measured until it is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """
    One thing that was looked at.

    Attributes:
        name: What, in a word or two.
        fitness: What it came to.
        found: What was found.
        advice: What to do about it; empty if nothing.
    """

    name: str
    fitness: Fitness
    found: str
    advice: str = ""


def machine_checks(machine: Machine) -> tuple[HealthCheck, ...]:
    """Return what *machine* says of itself, judged; what it does not tell is left out."""
    return (
        *_cores(machine),
        *_frequency(machine),
        *_company(machine),
        *_room(machine),
        *_clocks(machine),
    )


def installation_check(python: str, unmet: Sequence[str]) -> HealthCheck:
    """
    Return whether Python and the packages are what agent-perf needs.

    Args:
        python: Name and version.
        unmet: A line for each thing that is missing.
    """
    if not unmet:
        found = f"{python}, and every package that agent-perf needs"
        return HealthCheck(name="Python", fitness=Fitness.GOOD, found=found)
    return HealthCheck(
        name="Python",
        fitness=Fitness.BROKEN,
        found=f"{python}; {'; '.join(unmet)}",
        advice="install agent-perf again, with its dependencies: pip install --upgrade agent-perf",
    )


def repository_checks(*, is_dirty: bool, is_shallow: bool) -> tuple[HealthCheck, ...]:
    """Return what there is to know of the repository's state."""
    return (
        _check(
            "Git",
            is_dirty,
            ("uncommitted changes", "no uncommitted changes"),
            "commit them, or name 'worktree' to measure them",
            Fitness.NOTE,
        ),
        *(
            (
                HealthCheck(
                    name="History",
                    fitness=Fitness.WARNING,
                    found="a shallow clone: commits to compare with may be missing",
                    advice="git fetch --unshallow (in a CI file: fetch-depth: 0)",
                ),
            )
            if is_shallow
            else ()
        ),
    )


def presence_check(name: str, found: str, use: str) -> HealthCheck:
    """
    Return whether something optional is there.

    Args:
        name: What.
        found: Where, or which version; empty if it is not there.
        use: What it is good for.
    """
    return HealthCheck(name=name, fitness=Fitness.NOTE, found=found or f"not here: {use}")


def _cores(machine: Machine) -> Iterator[HealthCheck]:
    words = f"{machine.core_count}, {machine.processor}"
    if machine.is_virtual:
        words += ", a virtual machine"
    yield _check(
        "Cores",
        machine.core_count < 2,
        (words, words),
        "with one core, whatever else runs stops the benchmark: use two or more",
    )
    if machine.cores_allowed is not None:
        share = f"{machine.cores_allowed:g} cores' time is allowed to this control group"
        yield _check(
            "Quota",
            machine.cores_allowed < machine.core_count,
            (share, share),
            "a group that has used up its time is stopped in the middle of a call: allow as much "
            "as there are cores, or judge by CPU time alone",
        )


def _frequency(machine: Machine) -> Iterator[HealthCheck]:
    if machine.governor is not None:
        yield _check(
            "Frequency",
            machine.governor != "performance",
            (f"governor {machine.governor}", "governor performance"),
            "sudo cpupower frequency-set --governor performance",
        )
    if machine.is_turbo is not None:
        yield _check(
            "Turbo",
            machine.is_turbo,
            ("on: the speed follows the temperature", "off"),
            "switch it off for runs that are to be compared across hours",
            Fitness.NOTE,
        )


def _company(machine: Machine) -> Iterator[HealthCheck]:
    quiet = "stop what else runs, or measure on a machine of your own"
    if machine.load_count is not None:
        words = f"{machine.load_count:.2f} tasks in the last minute"
        crowded = machine.load_count > _LOAD_PER_CORE_MAX * machine.core_count
        yield _check("Load", crowded, (words, words), quiet)
    if machine.pressure_ratio is not None:
        words = f"some task waited for a CPU in {machine.pressure_ratio * 100:.0f} % of the time"
        yield _check("Pressure", machine.pressure_ratio > _PRESSURE_MAX, (words, words), quiet)
    if machine.steal_ratio is not None:
        words = f"the hypervisor gave {machine.steal_ratio * 100:.1f} % of the CPUs' time to others"
        yield _check(
            "Steal",
            machine.steal_ratio > _STEAL_MAX,
            (words, words),
            "ask for dedicated CPUs, or count on more rounds",
        )


def _room(machine: Machine) -> Iterator[HealthCheck]:
    memory = f"{format_value(machine.memory_bytes, 'bytes')} can be had"
    short = machine.memory_bytes < _MEMORY_BYTES_MIN
    yield _check("Memory", short, (memory, memory), "base and head run side by side: free some")
    if machine.swap_used_bytes > _SWAP_BYTES_MAX:
        yield HealthCheck(
            name="Swap",
            fitness=Fitness.WARNING,
            found=f"{format_value(machine.swap_used_bytes, 'bytes')} are swapped out",
            advice="a benchmark that is swapped in again is slow: free some memory",
        )
    disk = f"{format_value(machine.disk_free_bytes, 'bytes')} free"
    yield _check(
        "Disk",
        machine.disk_free_bytes < _DISK_BYTES_MIN,
        (disk, disk),
        "free some: trees of commits and results are written there",
        Fitness.BROKEN if machine.disk_free_bytes < _DISK_BYTES_LAST else Fitness.WARNING,
    )


def _clocks(machine: Machine) -> Iterator[HealthCheck]:
    words = (
        f"steps of {format_value(machine.cpu_clock_step_s, 's')} (CPU time) and "
        f"{format_value(machine.wall_clock_step_s, 's')} (wall)"
    )
    coarse = max(machine.cpu_clock_step_s, machine.wall_clock_step_s) > _CLOCK_STEP_S_MAX
    yield _check("Clocks", coarse, (words, words), "benchmarks must take longer to be told apart")


def _check(
    name: str,
    is_bad: bool,
    words: tuple[str, str],
    advice: str,
    fitness: Fitness = Fitness.WARNING,
) -> HealthCheck:
    """Return a check with the first of *words* and *advice* if it is bad, else with the second."""
    if is_bad:
        return HealthCheck(name=name, fitness=fitness, found=words[0], advice=advice)
    return HealthCheck(name=name, fitness=Fitness.GOOD, found=words[1])
