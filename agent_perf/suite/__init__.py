"""The hall where the rooms meet: scenarios, the world they run in, and who runs them."""

from agent_perf.load import Ask, Request
from agent_perf.suite.catalog import Catalog, load_catalog
from agent_perf.suite.crew import measure_tree
from agent_perf.suite.declaration import Scenario, scenario
from agent_perf.suite.runner import run_scenario
from agent_perf.suite.tree import Tree, lay_out
from agent_perf.suite.worker import Event
from agent_perf.suite.world import World

__all__ = [
    "Ask",
    "Catalog",
    "Event",
    "Request",
    "Scenario",
    "Tree",
    "World",
    "lay_out",
    "load_catalog",
    "measure_tree",
    "run_scenario",
    "scenario",
]
