"""What was: stored runs, and what changed along them."""

from agent_perf.history.store import ResultStore, Shelf, machine_name

__all__ = ["ResultStore", "Shelf", "machine_name"]
