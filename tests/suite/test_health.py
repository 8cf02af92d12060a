"""Judgements of machines and installations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.records import Machine
from agent_perf.suite import (
    Fitness,
    installation_check,
    machine_checks,
    presence_check,
    repository_checks,
)

GOOD = Machine(
    name="bench-1",
    system="Linux 6.1",
    processor="Some CPU",
    core_count=4,
    is_virtual=False,
    governor="performance",
    is_turbo=False,
    cores_allowed=4.0,
    load_count=0.1,
    pressure_ratio=0.0,
    steal_ratio=0.0,
    memory_bytes=8 << 30,
    swap_used_bytes=0,
    disk_free_bytes=64 << 30,
    cpu_clock_step_s=1e-9,
    wall_clock_step_s=1e-9,
)


def test_a_good_machine_has_nothing_to_mend() -> None:
    checks = machine_checks(GOOD)

    assert {Fitness.GOOD} == {check.fitness for check in checks}
    assert {""} == {check.advice for check in checks}
    assert 10 == len(checks)


@pytest.mark.parametrize(
    ("name", "change", "fitness", "said"),
    [
        ("Cores", {"core_count": 1, "cores_allowed": None}, Fitness.WARNING, "1, Some CPU"),
        ("Quota", {"cores_allowed": 1.5}, Fitness.WARNING, "1.5 cores' time"),
        ("Frequency", {"governor": "powersave"}, Fitness.WARNING, "governor powersave"),
        ("Turbo", {"is_turbo": True}, Fitness.NOTE, "follows the temperature"),
        ("Load", {"load_count": 2.1}, Fitness.WARNING, "2.10 tasks"),
        ("Pressure", {"pressure_ratio": 0.11}, Fitness.WARNING, "in 11 % of the time"),
        ("Steal", {"steal_ratio": 0.02}, Fitness.WARNING, "2.0 % of the CPUs' time"),
        ("Memory", {"memory_bytes": 1 << 29}, Fitness.WARNING, "512 MiB can be had"),
        ("Swap", {"swap_used_bytes": 1 << 30}, Fitness.WARNING, "1 GiB are swapped out"),
        ("Disk", {"disk_free_bytes": 1 << 29}, Fitness.WARNING, "512 MiB free"),
        ("Disk", {"disk_free_bytes": 1 << 20}, Fitness.BROKEN, "1 MiB free"),
        ("Clocks", {"cpu_clock_step_s": 0.0156}, Fitness.WARNING, "15.6 ms (CPU time)"),
    ],
)
def test_each_fault_is_told_with_a_way_out(name, change, fitness, said) -> None:
    """One thing that is wrong is one check that is not good, with advice."""
    wrong = [
        one for one in machine_checks(replace(GOOD, **change)) if one.fitness is not Fitness.GOOD
    ]

    assert [(name, fitness)] == [(one.name, one.fitness) for one in wrong]
    assert said in wrong[0].found
    assert wrong[0].advice


def test_what_is_not_told_is_not_judged() -> None:
    silent = replace(
        GOOD,
        is_virtual=None,
        governor=None,
        is_turbo=None,
        cores_allowed=None,
        load_count=None,
        pressure_ratio=None,
        steal_ratio=None,
    )

    assert ["Cores", "Memory", "Disk", "Clocks"] == [one.name for one in machine_checks(silent)]


def test_an_installation_without_its_packages_is_broken() -> None:
    assert Fitness.GOOD is installation_check("CPython 3.11.7", ()).fitness
    broken = installation_check("CPython 3.11.7", ("numpy is not installed",))
    assert Fitness.BROKEN is broken.fitness
    assert "CPython 3.11.7; numpy is not installed" == broken.found


def test_repositories_and_optional_programs() -> None:
    """Uncommitted changes are a note, a cut history is a warning, what is absent says its use."""
    (clean,) = repository_checks(is_dirty=False, is_shallow=False)
    dirty, shallow = repository_checks(is_dirty=True, is_shallow=True)

    assert (Fitness.GOOD, Fitness.NOTE, Fitness.WARNING) == (
        clean.fitness,
        dirty.fitness,
        shallow.fitness,
    )
    assert "git fetch --unshallow" in shallow.advice
    assert (
        "not here: no instruction counts"
        == presence_check("valgrind", "", "no instruction counts").found
    )
    assert "/usr/bin/valgrind" == presence_check("valgrind", "/usr/bin/valgrind", "").found
