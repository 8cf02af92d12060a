"""What was: stored runs, asv's results, and what changed along them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_perf.history.noise_store import NoiseStore
from agent_perf.history.session_store import SessionStore, named_like, new_session_id
from agent_perf.history.shifts import find_shifts, version_steps
from agent_perf.history.steps import find_steps
from agent_perf.history.store import ResultStore, Shelf, machine_name

if TYPE_CHECKING:
    from agent_perf.history.asv_history import read_asv_history
    from agent_perf.history.asv_results import (
        AsvShelf,
        AsvValue,
        read_asv_results,
        series_along,
    )
    from agent_perf.history.findings import find_changes
    from agent_perf.history.run_history import read_run_history
    from agent_perf.history.tracks import History, Track

__all__ = [
    "AsvShelf",
    "AsvValue",
    "History",
    "NoiseStore",
    "ResultStore",
    "SessionStore",
    "Shelf",
    "Track",
    "find_changes",
    "find_shifts",
    "find_steps",
    "machine_name",
    "named_like",
    "new_session_id",
    "read_asv_history",
    "read_asv_results",
    "read_run_history",
    "series_along",
    "version_steps",
]

_HOME = {
    "AsvShelf": "asv_results",
    "AsvValue": "asv_results",
    "History": "tracks",
    "Track": "tracks",
    "find_changes": "findings",
    "read_asv_history": "asv_history",
    "read_asv_results": "asv_results",
    "read_run_history": "run_history",
    "series_along": "asv_results",
}
"""Verbs that only need the store do not wait for numpy."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
