"""
What should not matter to a run: how the process around it is set up.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ZONES: Final = ("UTC", "Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu")
_LOCALES: Final = ("C.UTF-8", "C", "POSIX", "en_US.UTF-8")
_HOGS: Final = 2
_HOG_CPU_S: Final = 600
"""Whatever becomes of us, a hog ends by itself after that much CPU time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    One way in which a process can be set up.

    Attributes:
        hash_seed: PYTHONHASHSEED: the order of sets of strings.
        junk_seed: What is allocated beforehand, and shifts addresses; 0: nothing.
        gc_threshold: Allocations between garbage collections, outside of simulations.
        zone: TZ.
        locale: LC_ALL.
        foreign: Another current folder, and the environment in another order, with more in it.
        busy: Whether other processes keep the cores busy.
        fixed_addresses: Whether the system is asked to load processes at equal addresses.
    """

    hash_seed: int = 0
    junk_seed: int = 0
    gc_threshold: int = 700
    zone: str = _ZONES[0]
    locale: str = _LOCALES[0]
    foreign: bool = False
    busy: bool = False
    fixed_addresses: bool = False

    def describe(self) -> str:
        """Return what is unlike PLAIN, in words."""
        parts = [
            self.hash_seed != PLAIN.hash_seed and f"hash seed {self.hash_seed}",
            self.junk_seed != PLAIN.junk_seed and "other addresses",
            self.gc_threshold != PLAIN.gc_threshold and f"gc threshold {self.gc_threshold}",
            self.zone != PLAIN.zone and f"TZ {self.zone}",
            self.locale != PLAIN.locale and f"locale {self.locale}",
            self.foreign and "other folder and environment",
            self.busy and "busy cores",
        ]
        return ", ".join(part for part in parts if part) or "plain"


PLAIN: Final = Surroundings()


def hostile(number: int, *, busy: bool) -> Surroundings:
    """
    Return the *number*-th surroundings that differ from PLAIN in everything.

    Args:
        number: From 1.
        busy: Whether cores may be kept busy; they are at every odd number then.
    """
    return Surroundings(
        hash_seed=number * 7919,
        junk_seed=number,
        gc_threshold=(50, 7_000, 311)[number % 3],
        zone=_ZONES[number % (len(_ZONES) - 1) + 1],
        locale=_LOCALES[number % (len(_LOCALES) - 1) + 1],
        foreign=True,
        busy=busy and number % 2 == 1,
    )


def command(around: Surroundings, module: str) -> list[str]:
    """Return the command that runs Python's *module* in *around*."""
    # -P: the current folder must not come before the tree's own path.
    run = [sys.executable, "-P", "-m", module]
    if not around.fixed_addresses:
        return run
    # Linux's ADDR_NO_RANDOMIZE, see personality(2); elsewhere addresses stay random.
    code = (
        "import contextlib, ctypes, os, sys\n"
        "with contextlib.suppress(AttributeError): ctypes.CDLL(None).personality(0x0040000)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-S", "-c", code, *run]


def environ(around: Surroundings, python_path: str) -> dict[str, str]:
    """Return the environment of a process in *around*."""
    own = {
        "PYTHONHASHSEED": str(around.hash_seed),
        "PYTHONPATH": python_path,
        "TZ": around.zone,
        "LC_ALL": around.locale,
    }
    if not around.foreign:
        return os.environ | own
    # Longer by some hundred bytes: the stack begins elsewhere, too.
    more = {f"AGENT_PERF_JUNK_{n}": "x" * (17 * n % 61) for n in range(around.junk_seed % 7 + 3)}
    merged = more | os.environ | own
    return dict(reversed(merged.items()))


def folder(around: Surroundings, root: Path, scratch: Path) -> Path:
    """
    Return the current folder of a process in *around*: *root*, or one that looks like it.

    Args:
        around: What to set up.
        root: Folder of the tree, whose files a scenario may open by relative names.
        scratch: Empty; links to what *root* holds are put there.
    """
    if not around.foreign:
        return root
    for entry in sorted(root.iterdir()):
        with contextlib.suppress(FileExistsError):
            (scratch / entry.name).symlink_to(entry)
    return scratch


@contextmanager
def busy_cores(around: Surroundings) -> Iterator[None]:
    """Keep cores busy with work that has nothing to do with us, if *around* says so."""
    code = (
        "import resource; "
        f"resource.setrlimit(resource.RLIMIT_CPU, ({_HOG_CPU_S}, {_HOG_CPU_S}))\n"
        "while True: pass"
    )
    hogs = [
        subprocess.Popen([sys.executable, "-S", "-c", code])
        for _ in range(_HOGS if around.busy else 0)
    ]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
