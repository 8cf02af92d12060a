"""
Whether a worker would come to the same bytes: what is installed, here and there.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Final

_INSTALLERS: Final = frozenset({"pip", "setuptools", "uv", "wheel"})
"""They run before anything of ours does."""
_TOLD_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """
    What must be equal for results to be.

    Attributes:
        python: Implementation, major and minor version: ``CPython 3.11``.
        code: Digest of all of agent-perf.
        packages: Every installed distribution but installers, with its version.
    """

    python: str
    code: str
    packages: Mapping[str, str]


def differences(here: Installation, there: Installation) -> str:
    """Return in words how *there* differs from *here*; empty if it does not."""
    found = []
    if here.python != there.python:
        found.append(f"{there.python} instead of {here.python}")
    if here.code != there.code:
        found.append(f"another agent-perf (code {there.code[:8]} instead of {here.code[:8]})")
    names = sorted({*here.packages, *there.packages})
    unlike = [name for name in names if here.packages.get(name) != there.packages.get(name)]
    for name in unlike[:_TOLD_MAX]:
        had, wanted = there.packages.get(name), here.packages.get(name)
        found.append(f"{name} {had or 'missing'} instead of {wanted or 'none'}")
    if len(unlike) > _TOLD_MAX:
        found.append(f"{len(unlike) - _TOLD_MAX} more packages")
    return ", ".join(found)


@cache
def installation() -> Installation:
    """Return what is installed in this process."""
    version = platform.python_version_tuple()
    return Installation(
        python=f"{platform.python_implementation()} {version[0]}.{version[1]}",
        code=_code(),
        packages=_packages(),
    )


def _code() -> str:
    package = Path(__file__).parents[1]
    digest = sha256()
    # The demo is an example of somebody's project, and what it has open is its own.
    for path in sorted(package.rglob("*")):
        if path.suffix in {".py", ".json", ".toml"} and "demo" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(package).as_posix()}:{len(content)}:".encode())
            digest.update(content)
    return digest.hexdigest()


def _packages() -> dict[str, str]:
    found: dict[str, str] = {}
    for one in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()
        # The first on the path is the one that is imported.
        if name and name not in _INSTALLERS:
            found.setdefault(name, one.version)
    return dict(sorted(found.items()))
