"""
What is promised, and whether it is kept: limits, targets, baselines, causes, the exit code.
"""

from __future__ import annotations

from agent_perf.amounts import parse_duration, parse_limit, parse_target
from agent_perf.gate.baseline import Baselines
from agent_perf.gate.causes import explain
from agent_perf.gate.decision import judge
from agent_perf.gate.default_targets import PROCESS_TARGETS
from agent_perf.gate.exit_codes import exit_code
from agent_perf.gate.instructions import is_suspected, judge_instructions
from agent_perf.gate.lines import harmless, one_line, waived_lines
from agent_perf.gate.pairing import ALL_METRICS
from agent_perf.gate.policy import DEFAULT_RULES, Level, Limit, Policy, Rule, Waivers, make_policy
from agent_perf.gate.resources import (
    Recordings,
    judge_recordings,
    recorded_duets,
    wants_confirmation,
    wants_round,
)
from agent_perf.gate.same_code import judge_same_code, may_be_spared
from agent_perf.gate.timed_sides import TimedSides
from agent_perf.gate.timings import PROCESSES_ADVISED, judge_timings, timed_duets
from agent_perf.gate.unmatched import unmatched
from agent_perf.gate.waiving import failing

__all__ = [
    "ALL_METRICS",
    "DEFAULT_RULES",
    "PROCESSES_ADVISED",
    "PROCESS_TARGETS",
    "Baselines",
    "Level",
    "Limit",
    "Policy",
    "Recordings",
    "Rule",
    "TimedSides",
    "Waivers",
    "exit_code",
    "explain",
    "failing",
    "harmless",
    "is_suspected",
    "judge",
    "judge_instructions",
    "judge_recordings",
    "judge_same_code",
    "judge_timings",
    "make_policy",
    "may_be_spared",
    "one_line",
    "parse_duration",
    "parse_limit",
    "parse_target",
    "recorded_duets",
    "timed_duets",
    "unmatched",
    "waived_lines",
    "wants_confirmation",
    "wants_round",
]
