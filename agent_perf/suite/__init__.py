"""The hall where the rooms meet: scenarios, the world they run in, and who runs them."""

from agent_perf.load import Ask, Request
from agent_perf.sim import CpuMode
from agent_perf.suite.capacity import breaking_point, capacity_of, find_capacity, probe_at
from agent_perf.suite.catalog import Catalog, load_catalog
from agent_perf.suite.checks import (
    Check,
    breaker_closes,
    breaker_opens,
    goodput_at_least,
    recovers_within,
)
from agent_perf.suite.command_rounds import (
    CommandRounds,
    CommandSide,
    run_command,
    run_command_rounds,
)
from agent_perf.suite.command_scenario import CommandScenario, command, declare_command
from agent_perf.suite.crew import measure_tree
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.decorator import scenario
from agent_perf.suite.duet import DuetPlan, Duets, RoundNote, run_duets
from agent_perf.suite.error_cases import ErrorCase, error_cases
from agent_perf.suite.fork import Broken, run_in_fork
from agent_perf.suite.health import (
    Fitness,
    HealthCheck,
    installation_check,
    machine_checks,
    presence_check,
    repository_checks,
)
from agent_perf.suite.inside import OpenWorld, run_inside
from agent_perf.suite.instructions import (
    CountPlan,
    InstructionCounts,
    count_instructions,
    require_callgrind,
)
from agent_perf.suite.loading import run_load
from agent_perf.suite.noise import NoiseFindings, NoisePlan, measure_noise
from agent_perf.suite.pace import LIVE_REQUESTS_PER_USER_MAX
from agent_perf.suite.path_targets import PATH_TARGETS
from agent_perf.suite.promises import promised_targets
from agent_perf.suite.resource_rounds import ResourcePlan, ResourceRounds, run_resource_rounds
from agent_perf.suite.runner import run_scenario
from agent_perf.suite.scenario_check import Trial, trial_checks, try_scenarios
from agent_perf.suite.schedule import Schedule, Turn, sequential
from agent_perf.suite.tree import Tree, arrange, lay_out
from agent_perf.suite.validation import CaseResult, run_cases
from agent_perf.suite.worker import Event
from agent_perf.suite.world import World

__all__ = [
    "LIVE_REQUESTS_PER_USER_MAX",
    "PATH_TARGETS",
    "Ask",
    "Broken",
    "CaseResult",
    "Catalog",
    "Check",
    "CommandRounds",
    "CommandScenario",
    "CommandSide",
    "CountPlan",
    "CpuMode",
    "DuetPlan",
    "Duets",
    "ErrorCase",
    "Event",
    "Fitness",
    "HealthCheck",
    "InstructionCounts",
    "NoiseFindings",
    "NoisePlan",
    "OpenWorld",
    "Request",
    "ResourcePlan",
    "ResourceRounds",
    "RoundNote",
    "Scenario",
    "Schedule",
    "Tree",
    "Trial",
    "Turn",
    "World",
    "arrange",
    "breaker_closes",
    "breaker_opens",
    "breaking_point",
    "capacity_of",
    "command",
    "count_instructions",
    "declare_command",
    "error_cases",
    "find_capacity",
    "goodput_at_least",
    "installation_check",
    "lay_out",
    "load_catalog",
    "machine_checks",
    "measure_noise",
    "measure_tree",
    "presence_check",
    "probe_at",
    "promised_targets",
    "recovers_within",
    "repository_checks",
    "require_callgrind",
    "run_cases",
    "run_command",
    "run_command_rounds",
    "run_duets",
    "run_in_fork",
    "run_inside",
    "run_load",
    "run_resource_rounds",
    "run_scenario",
    "scenario",
    "sequential",
    "trial_checks",
    "try_scenarios",
]
