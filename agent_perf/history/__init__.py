"""What was: stored runs, and what changed along them."""

from agent_perf.history.asv_results import AsvShelf, AsvValue, read_asv_results, series_along
from agent_perf.history.noise_store import NoiseStore
from agent_perf.history.shifts import find_shifts, version_steps
from agent_perf.history.steps import find_steps
from agent_perf.history.store import ResultStore, Shelf, machine_name

__all__ = [
    "AsvShelf",
    "AsvValue",
    "NoiseStore",
    "ResultStore",
    "Shelf",
    "find_shifts",
    "find_steps",
    "machine_name",
    "read_asv_results",
    "series_along",
    "version_steps",
]
