"""
What the entries of one namespace are called in Redis.
"""

from __future__ import annotations

import re
from typing import Final

from agent_perf.errors import ConfigError

# Redis adds them to the time of day in a signed number of 64 bits.
_SECONDS_MAX: Final = 1e12
_WORD: Final = re.compile(r"[\w.-]+")


class Names:
    """
    Names of one namespace and version: ``namespace:key``, or ``namespace@2:key``.

    Args:
        namespace: Letters, digits, ``_``, ``.`` and ``-``.
        version: Likewise, or a number; None for none. Under another version there is nothing
            of what was stored under this one.

    Attributes:
        key: Before each key.
        tag: Before each tag, whose generation stands there.
        lease: Before each key that one process computes while others wait.

    Raises:
        ConfigError: If they hold anything else.
    """

    __slots__ = ("key", "lease", "tag")

    def __init__(self, namespace: str, version: int | str | None = None) -> None:
        if not _WORD.fullmatch(namespace):
            raise ConfigError(f"namespace={namespace!r}; want letters, digits, '_', '.' and '-'")
        if version is not None and not _WORD.fullmatch(str(version)):
            raise ConfigError(f"version={version!r}; want letters, digits, '_', '.' and '-'")
        stem = namespace if version is None else f"{namespace}@{version}"
        self.key = f"{stem}:"
        self.tag = f"{stem}#"
        self.lease = f"{stem}!"


def milliseconds(seconds: float) -> int:
    """
    Return *seconds*, > 0, as Redis takes them, at least 1 ms.

    Raises:
        ConfigError: If they are more than it takes, or no number.
    """
    if not seconds < _SECONDS_MAX:
        raise ConfigError(f"{seconds} seconds; want less than {_SECONDS_MAX:g}")
    return max(1, round(seconds * 1e3))
