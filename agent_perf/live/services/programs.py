"""
Where this machine has the programs of servers.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POSTGRES_FOLDERS: Final = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian
    ("/usr", "pgsql-*/bin"),  # Red Hat
    ("/opt/homebrew/opt", "postgresql*/bin"),
    ("/usr/local/opt", "postgresql*/bin"),
)
_ASK_S: Final = 10.0
_SERVER_USERS: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    The program of a server.

    Attributes:
        path: Where it is.
        name: With its version, as ``PostgreSQL 15.6``.
    """

    path: Path
    name: str


def redis_program() -> Program | None:
    """Return the program of a Redis server, or of Valkey; None: there is none."""
    for program, name in (("redis-server", "Redis"), ("valkey-server", "Valkey")):
        if path := shutil.which(program):
            found = re.search(r"\bv=([\w.]+)", _asked(path, "--version"))
            return Program(path=Path(path), name=f"{name} {found[1] if found else '?'}")
    return None


def postgres_program() -> Program | None:
    """Return the newest PostgreSQL server with an ``initdb`` beside it; None: there is none."""
    found = []
    for folder in _postgres_folders():
        server = folder / "postgres"
        if os.access(server, os.X_OK) and os.access(folder / "initdb", os.X_OK):
            match = re.search(r"(\d+)(?:\.(\d+))?", _asked(str(server), "--version"))
            if match:
                version = (int(match[1]), int(match[2] or 0))
                found.append((version, Program(path=server, name=f"PostgreSQL {match[0]}")))
    return max(found, key=lambda one: one[0])[1] if found else None


def server_user() -> pwd.struct_passwd | None:
    """Return who a server runs as that refuses to be root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    for name in _SERVER_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return pwd.getpwuid(65534)


def _postgres_folders() -> Iterator[Path]:
    if path := shutil.which("postgres"):
        yield Path(path).resolve().parent
    if path := shutil.which("pg_config"):
        yield Path(_asked(path, "--bindir").strip() or "/nowhere")
    for root, pattern in _POSTGRES_FOLDERS:
        yield from Path(root).glob(pattern)


def _asked(*command: str) -> str:
    """Return what *command* says; nothing if it cannot be asked."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout
