"""
The cores that may be measured on.
"""

from __future__ import annotations

import os


def usable_cores() -> list[int]:
    """Return the cores that this process may use; [0] where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
