"""
What is promised, and whether it is kept: limits, targets, baselines, causes, the exit code.
"""

from __future__ import annotations

from agent_perf.amounts import parse_duration, parse_limit, parse_target
from agent_perf.gate.baseline import Baselines
from agent_perf.gate.causes import explain
from agent_perf.gate.decision import exit_code, judge
from agent_perf.gate.default_targets import DEFAULT_TARGETS
from agent_perf.gate.lines import harmless, one_line
from agent_perf.gate.pairing import ALL_METRICS
from agent_perf.gate.policy import DEFAULT_RULES, Level, Limit, Policy, Rule, make_policy

__all__ = [
    "ALL_METRICS",
    "DEFAULT_RULES",
    "DEFAULT_TARGETS",
    "Baselines",
    "Level",
    "Limit",
    "Policy",
    "Rule",
    "exit_code",
    "explain",
    "harmless",
    "judge",
    "make_policy",
    "one_line",
    "parse_duration",
    "parse_limit",
    "parse_target",
]
