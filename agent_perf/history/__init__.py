"""What was: stored runs, and what changed along them."""

from agent_perf.history.steps import find_steps
from agent_perf.history.store import ResultStore, Shelf, machine_name

__all__ = ["ResultStore", "Shelf", "find_steps", "machine_name"]
