"""
Finds the Python that an environment is made with.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ASK: Final = "import sys; print('%d.%d' % sys.version_info[:2])"
_TIMEOUT_S: Final = 20


def find_python(version: str) -> Path | None:
    """
    Return an interpreter of *version*, ``3.12``; None if there is none.

    This process's own if it fits, else the first that answers on PATH: version managers
    put executables there that exist and refuse to run.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version == own:
        return Path(sys.executable)
    for candidate in _candidates(version):
        if _version_of(candidate) == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    for name in (f"python{version}", "python3", "python"):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = Path(folder) / name
            if folder and os.access(path, os.X_OK):
                yield path


def _version_of(executable: Path) -> str | None:
    try:
        done = subprocess.run(
            [str(executable), "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
