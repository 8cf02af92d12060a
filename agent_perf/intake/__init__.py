"""
Files that other tools wrote, read into our own records.
"""

from __future__ import annotations

from agent_perf.intake.folders import result_files
from agent_perf.intake.reading import read_timings

__all__ = ["read_timings", "result_files"]
