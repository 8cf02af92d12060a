"""
What the machine is, and what it is doing: whatever may shape a measurement.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from agent_perf.records import Machine

_ROOT: Final = Path("/")
_FREQUENCY: Final = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
_NO_TURBO: Final = "sys/devices/system/cpu/intel_pstate/no_turbo"
_BOOST: Final = "sys/devices/system/cpu/cpufreq/boost"
_QUOTA: Final = "sys/fs/cgroup/cpu.max"
_QUOTA_V1: Final = "sys/fs/cgroup/cpu/cpu.cfs_quota_us"
_PERIOD_V1: Final = "sys/fs/cgroup/cpu/cpu.cfs_period_us"
_STEAL_FIELD: Final = 7
_TIME_FIELDS: Final = 8


def read_machine(disk: Path, *, name: str, root: Path = _ROOT) -> Machine:
    """
    Return what this machine tells of itself; it takes some milliseconds.

    Args:
        disk: A folder on the disk where results are stored.
        name: As Machine.name.
        root: Where ``proc`` and ``sys`` are; another folder for tests.

    Source: Linux, *CPU Performance Scaling*, *PSI*, *Control Group v2*; proc(5).
    """
    info = _text(root / "proc/cpuinfo")
    return Machine(
        name=name,
        system=f"{platform.system()} {platform.release()}",
        processor=_field(info, "model name") or platform.processor() or platform.machine(),
        core_count=_core_count(),
        is_virtual=_is_virtual(info),
        governor=_text(root / _FREQUENCY).strip() or None,
        is_turbo=_is_turbo(root),
        cores_allowed=_cores_allowed(root),
        load_count=psutil.getloadavg()[0],
        pressure_ratio=_pressure_ratio(_text(root / "proc/pressure/cpu")),
        steal_ratio=_steal_ratio(_text(root / "proc/stat")),
        memory_bytes=psutil.virtual_memory().available,
        swap_used_bytes=psutil.swap_memory().used,
        disk_free_bytes=psutil.disk_usage(str(_existing(disk))).free,
        cpu_clock_step_s=time.get_clock_info("process_time").resolution,
        wall_clock_step_s=time.get_clock_info("perf_counter").resolution,
    )


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_virtual(info: str) -> bool | None:
    flags = _field(info, "flags")
    return "hypervisor" in flags.split() if flags else None


def _is_turbo(root: Path) -> bool | None:
    intel, others = _text(root / _NO_TURBO).strip(), _text(root / _BOOST).strip()
    if intel:
        return intel == "0"
    return others == "1" if others else None


def _cores_allowed(root: Path) -> float | None:
    quota, _, period = _text(root / _QUOTA).partition(" ")
    if not quota:
        quota, period = _text(root / _QUOTA_V1), _text(root / _PERIOD_V1)
    if not quota.strip().isdecimal() or not period.strip().isdecimal():
        # "max", "-1", or no control group: as many as there are.
        return None
    return int(quota) / int(period)


def _pressure_ratio(text: str) -> float | None:
    found = re.search(r"^some avg10=([\d.]+)", text, re.MULTILINE)
    return float(found[1]) / 100 if found else None


def _steal_ratio(text: str) -> float | None:
    ticks = [int(word) for word in _cpu_words(text.splitlines())][:_TIME_FIELDS]
    if len(ticks) <= _STEAL_FIELD or not sum(ticks):
        return None
    return ticks[_STEAL_FIELD] / sum(ticks)


def _cpu_words(lines: Iterable[str]) -> list[str]:
    return next((line.split()[1:] for line in lines if line.startswith("cpu ")), [])


def _field(info: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", info, re.MULTILINE)
    return found[1].strip() if found else ""


def _existing(folder: Path) -> Path:
    """Return *folder*, or the nearest above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def _text(path: Path) -> str:
    """Return what a file of the kernel's says; nothing where it has none, or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
