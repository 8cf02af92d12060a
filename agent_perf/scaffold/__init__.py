"""What a stranger's repository is given, so that its first request is measured."""

from __future__ import annotations

from agent_perf.scaffold.choice import choices, named_entry, require_choice
from agent_perf.scaffold.entries import Entry
from agent_perf.scaffold.first_scenario import FirstScenario
from agent_perf.scaffold.plan import Change, Plan, make_plan
from agent_perf.scaffold.survey import Survey, survey
from agent_perf.scaffold.writing import write_changes

__all__ = [
    "Change",
    "Entry",
    "FirstScenario",
    "Plan",
    "Survey",
    "choices",
    "make_plan",
    "named_entry",
    "require_choice",
    "survey",
    "write_changes",
]
