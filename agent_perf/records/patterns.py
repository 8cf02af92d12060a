"""
How names of benchmarks and metrics are matched, wherever a project writes them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase


def matches(name: str, pattern: str) -> bool:
    """
    Return whether *pattern* is *name*, or matches it as fnmatch does, case-sensitive.

    A name matches itself: in ``test_get[lru]`` the brackets are no choice of letters.
    """
    return name == pattern or fnmatchcase(name, pattern)
