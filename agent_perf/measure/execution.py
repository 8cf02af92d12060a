"""
Executes a command once, and tells what it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from agent_perf.errors import BrokenError, TimeLimitError, UsageError
from agent_perf.measure.command import end_words
from agent_perf.measure.launched import Launched
from agent_perf.records import CommandSpec, Execution

_STDERR_CHARS: Final = 4000
_PYTHONS: Final = ("python", "python3")


def execute(
    spec: CommandSpec, *, root: Path, path: Sequence[Path] = (), core: int | None = None
) -> Execution:
    """
    Return what one execution of *spec* took.

    It reads what *spec* gives it, and not our terminal; its output goes nowhere, and what it
    says on standard error is kept for the case that it fails.

    Args:
        spec: What is executed. ``python`` is the interpreter that we run on.
        root: Where its folder is looked for.
        path: Put before its import path, as PYTHONPATH.
        core: The one that it may use; None: any.

    Raises:
        UsageError: If it cannot be started.
        BrokenError: If it ends with an exit code that *spec* does not allow.
        TimeLimitError: If it runs for longer than *spec* allows.
    """
    folder = root / spec.cwd
    if not folder.is_dir():
        raise UsageError(f"command {spec.name}: no folder {spec.cwd!r} to run in, at {root}")
    words = spec.command
    if words[0] in _PYTHONS:
        words = (sys.executable, *words[1:])
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(spec.stdin.encode())
        given.seek(0)
        with Launched(
            words,
            folder=folder,
            env=_environ(spec, path),
            core=core,
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=said,
        ) as launched:
            if not launched.wait(spec.timeout_s):
                launched.kill()
                launched.wait()
                launched.account()
                raise TimeLimitError(
                    f"still running after {spec.timeout_s:g} s and stopped; give it a longer "
                    f"`timeout` if it needs that{_told(said)}"
                )
            account = launched.account()
        if account.exit_code not in spec.exit_codes:
            raise BrokenError(
                f"`{' '.join(spec.command)}` ended with {end_words(account.exit_code)}{_told(said)}"
            )
    return Execution(wall_s=account.wall_s, cpu_s=account.cpu_s, memory_bytes=account.memory_bytes)


def _environ(spec: CommandSpec, path: Sequence[Path]) -> dict[str, str]:
    environ = dict(os.environ)
    if path:
        before = environ.get("PYTHONPATH")
        places = [str(folder) for folder in path] + ([before] if before else [])
        environ["PYTHONPATH"] = os.pathsep.join(places)
    # Sets of strings follow the hash seed: without a fixed one, each execution is another.
    return {"PYTHONHASHSEED": "0"} | environ | dict(spec.env)


def _told(said: IO[bytes]) -> str:
    """Return the end of what a command has said on standard error, for people."""
    # It may have said gigabytes; a character takes at most four bytes.
    length_bytes = said.seek(0, os.SEEK_END)
    said.seek(max(0, length_bytes - 4 * _STDERR_CHARS))
    text = said.read().decode("utf-8", "replace").strip()
    return f":\n{text[-_STDERR_CHARS:]}" if text else "; it said nothing on standard error"
