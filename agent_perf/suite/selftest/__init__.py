"""Whether a scenario gives the same answer in every process, and if not, where it parts."""

from agent_perf.suite.selftest.bisection import Divergence, find_divergence
from agent_perf.suite.selftest.causes import Cause, find_cause
from agent_perf.suite.selftest.log import Entry
from agent_perf.suite.selftest.probing import Prober
from agent_perf.suite.selftest.surroundings import PLAIN, Surroundings, hostile
from agent_perf.suite.selftest.trial import Trial, try_scenarios
from agent_perf.suite.selftest.worker import Report

__all__ = [
    "PLAIN",
    "Cause",
    "Divergence",
    "Entry",
    "Prober",
    "Report",
    "Surroundings",
    "Trial",
    "find_cause",
    "find_divergence",
    "hostile",
    "try_scenarios",
]
