"""
What is installed: Python, packages against what they need, and programs.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

_US: Final = "agent-perf"


def unmet_needs(requirements: Iterable[str], python_needed: str) -> tuple[str, ...]:
    """
    Return what is missing or has the wrong version, one line each.

    Args:
        requirements: Lines as in a package's metadata; those of extras are passed over.
        python_needed: Versions of Python that will do, ``>=3.11``; empty: all.
    """
    return (*_unmet_python(python_needed), *_unmet_packages(requirements))


def our_needs() -> tuple[tuple[str, ...], str]:
    """Return the requirements of agent-perf, and the versions of Python that it runs on."""
    told = metadata.metadata(_US)
    return tuple(metadata.requires(_US) or ()), told["Requires-Python"] or ""


def installed_version(package: str) -> str | None:
    """Return the version of *package*; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def program_path(name: str) -> str | None:
    """Return where program *name* is; None if it is not on the PATH."""
    return shutil.which(name)


def answers_at(host: str, port: int) -> bool:
    """Return whether somebody accepts TCP connections there, within a fifth of a second."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.2):
        return True
    return False


def python_version() -> str:
    """Return the interpreter's name and version, ``CPython 3.11.7``."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def _unmet_python(needed: str) -> Iterator[str]:
    have = platform.python_version()
    if not SpecifierSet(needed).contains(have, prereleases=True):
        yield f"Python {have}, and {needed} is needed"


def _unmet_packages(requirements: Iterable[str]) -> Iterator[str]:
    for line in requirements:
        need = Requirement(line)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        have = installed_version(need.name)
        if have is None:
            yield f"{need.name} is not installed"
        elif not need.specifier.contains(have, prereleases=True):
            yield f"{need.name} {have}, and {need.specifier} is needed"
