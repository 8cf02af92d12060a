"""What a machine tells of itself, from files as its kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.measure import read_machine, unmet_needs

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t\t: fpu sse2 hypervisor\n"


def kernel(root: Path, **files: str) -> Path:
    names = {
        "cpuinfo": "proc/cpuinfo",
        "pressure": "proc/pressure/cpu",
        "stat": "proc/stat",
        "governor": "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
        "no_turbo": "sys/devices/system/cpu/intel_pstate/no_turbo",
        "boost": "sys/devices/system/cpu/cpufreq/boost",
        "quota": "sys/fs/cgroup/cpu.max",
        "quota_v1": "sys/fs/cgroup/cpu/cpu.cfs_quota_us",
        "period_v1": "sys/fs/cgroup/cpu/cpu.cfs_period_us",
    }
    for name, text in files.items():
        path = root / names[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_everything_that_a_kernel_tells(tmp_path) -> None:
    root = kernel(
        tmp_path,
        cpuinfo=CPUINFO,
        pressure="some avg10=12.50 avg60=1.00 avg300=0.00 total=7\nfull avg10=0.00\n",
        stat="cpu  50 0 20 900 0 0 10 20 5 5\ncpu0 1 1 1 1 1 1 1 1 1 1\n",
        governor="powersave\n",
        no_turbo="0\n",
        quota="150000 100000\n",
    )

    found = read_machine(tmp_path / "not/there/yet", name="bench-1", root=root)

    assert ("bench-1", "Some CPU @ 3 GHz", True) == (found.name, found.processor, found.is_virtual)
    assert ("powersave", True, 1.5) == (found.governor, found.is_turbo, found.cores_allowed)
    assert (0.125, 0.02) == (found.pressure_ratio, found.steal_ratio)
    assert found.disk_free_bytes > 0
    assert found.memory_bytes > 0
    assert 0 < found.cpu_clock_step_s <= 0.1
    assert found.core_count >= 1


def test_what_it_does_not_tell_is_none(tmp_path) -> None:
    """No file is an error: other systems have none, and containers hide some."""
    found = read_machine(tmp_path, name="bench-1", root=tmp_path)

    assert (None, None, None, None, None, None) == (
        found.is_virtual,
        found.governor,
        found.is_turbo,
        found.cores_allowed,
        found.pressure_ratio,
        found.steal_ratio,
    )


@pytest.mark.parametrize(
    ("files", "allowed"),
    [
        ({"quota": "max 100000\n"}, None),
        ({"quota_v1": "-1\n", "period_v1": "100000\n"}, None),
        ({"quota_v1": "50000\n", "period_v1": "100000\n"}, 0.5),
    ],
)
def test_quotas_of_both_kinds_of_control_group(tmp_path, files, allowed) -> None:
    assert allowed == read_machine(tmp_path, name="x", root=kernel(tmp_path, **files)).cores_allowed


@pytest.mark.parametrize(
    ("files", "on"), [({"no_turbo": "1"}, False), ({"boost": "1"}, True), ({"boost": "0"}, False)]
)
def test_turbo_of_both_makers(tmp_path, files, on) -> None:
    assert on is read_machine(tmp_path, name="x", root=kernel(tmp_path, **files)).is_turbo


def test_needs_are_held_against_what_is_installed() -> None:
    """A missing package, an old one and an old Python each have a line; extras have none."""
    found = unmet_needs(
        ["pytest>=1", "pytest>=9999", "no-such-package-here", "another; extra == 'x'"], ">=4"
    )

    assert 3 == len(found)
    assert found[0].startswith("Python 3.")
    assert found[0].endswith("and >=4 is needed")
    assert found[1].startswith("pytest ")
    assert "no-such-package-here is not installed" == found[2]
    assert () == unmet_needs(["pytest>=1"], "")
