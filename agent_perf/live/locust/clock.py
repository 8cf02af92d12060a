"""
The clock of a load: one for all processes of this machine.
"""

from __future__ import annotations

import time


def now_ns() -> int:
    """Return ns that never go back, counted from the same instant in every process here."""
    return time.monotonic_ns()
