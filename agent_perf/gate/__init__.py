"""
What is promised, and whether it is kept: limits, targets, baselines, causes, the exit code.
"""

from __future__ import annotations

from agent_perf.amounts import parse_duration, parse_limit, parse_target
from agent_perf.gate.advice import advise
from agent_perf.gate.baseline import Baselines
from agent_perf.gate.bottleneck import capacity_bottlenecks, find_bottlenecks
from agent_perf.gate.causes import explain
from agent_perf.gate.cost import (
    CUT_OFF_CODE,
    cost_line,
    cost_nanousd,
    cut_decision,
    cut_off,
    is_spent,
)
from agent_perf.gate.decision import judge
from agent_perf.gate.default_targets import PROCESS_TARGETS, SUBJECT_TARGETS
from agent_perf.gate.exit_codes import exit_code
from agent_perf.gate.instructions import is_suspected, judge_instructions
from agent_perf.gate.lines import breach_line, harmless, one_line, waived_lines
from agent_perf.gate.load_verdict import (
    LOAD_FAMILIES,
    judge_capacity,
    judge_load,
    load_name,
    load_targets,
)
from agent_perf.gate.pairing import ALL_METRICS
from agent_perf.gate.policy import (
    DEFAULT_RULES,
    Level,
    Limit,
    Policy,
    Rule,
    Waivers,
    check_family,
    make_policy,
)
from agent_perf.gate.resources import (
    Recordings,
    judge_recordings,
    recorded_duets,
    wants_confirmation,
    wants_round,
)
from agent_perf.gate.same_code import judge_same_code, may_be_spared
from agent_perf.gate.target import held_runs
from agent_perf.gate.timed_sides import TimedSides
from agent_perf.gate.timed_targets import held_targets
from agent_perf.gate.timings import PROCESSES_ADVISED, judge_timings, timed_duets
from agent_perf.gate.unmatched import unmatched
from agent_perf.gate.waiving import failing

__all__ = [
    "ALL_METRICS",
    "CUT_OFF_CODE",
    "DEFAULT_RULES",
    "LOAD_FAMILIES",
    "PROCESSES_ADVISED",
    "PROCESS_TARGETS",
    "SUBJECT_TARGETS",
    "Baselines",
    "Level",
    "Limit",
    "Policy",
    "Recordings",
    "Rule",
    "TimedSides",
    "Waivers",
    "advise",
    "breach_line",
    "capacity_bottlenecks",
    "check_family",
    "cost_line",
    "cost_nanousd",
    "cut_decision",
    "cut_off",
    "exit_code",
    "explain",
    "failing",
    "find_bottlenecks",
    "harmless",
    "held_runs",
    "held_targets",
    "is_spent",
    "is_suspected",
    "judge",
    "judge_capacity",
    "judge_instructions",
    "judge_load",
    "judge_recordings",
    "judge_same_code",
    "judge_timings",
    "load_name",
    "load_targets",
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
