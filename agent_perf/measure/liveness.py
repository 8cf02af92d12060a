"""
Whether a process that was started some time ago still runs.
"""

from __future__ import annotations

from datetime import datetime

import psutil

_SLACK_S = 2.0


def still_runs(process_id: int, begun: datetime) -> bool:
    """Return whether the process that had *process_id* at *begun* is there, and no other."""
    try:
        process = psutil.Process(process_id)
        # Numbers are given again: a process that is younger is another one.
        is_same = process.create_time() <= begun.timestamp() + _SLACK_S
        return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
