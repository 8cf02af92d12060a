"""
Cases in which something goes wrong around the system: what becomes of a question then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agent_perf.errors import ConfigError
from agent_perf.load.data import Case
from agent_perf.sim.faults import Fault, check_faults, errors, hang, outage

_LONG_S: Final = 3_600.0
"""Longer than anybody waits; who has no limit is answered late, and so not as expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCase(Case):
    """
    A question in a world of its own, in which things go wrong once a first one was answered.

    Attributes:
        faults: What goes wrong; times count from the question.
        turns: What the model's script says to it; empty: as the scenario has it.
    """

    faults: tuple[Fault, ...] = ()
    turns: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        check_faults(self.faults)


def error_cases(
    *, tool: str = "", expect: Mapping[str, str] | None = None
) -> tuple[ErrorCase, ...]:
    """
    Return a case for each way in which models, Redis and databases fail.

    What is expected are the categories of `agent_perf.components`. A case is passed over by
    a scenario that does not use what it breaks.

    Args:
        tool: Name of a tool that the scenario offers its model, for calls that are no JSON.
        expect: Name of a case to how it should end instead: a category or the name of an
            exception's class, empty for an answer.

    Raises:
        ConfigError: If there is no case of a name in *expect*.
    """
    cases = {case.name: case for case in (*_services(), *_turns(tool))}
    for name, ending in (expect or {}).items():
        if name not in cases:
            raise ConfigError(f"expect: no case {name!r}; there are {', '.join(cases)}")
        cases[name] = replace(cases[name], expect=ending)
    return tuple(cases.values())


def _services() -> Iterator[ErrorCase]:
    strikes = {
        "llm.down": (outage("llm"), "network"),
        "llm.hangs": (hang("llm", for_s=_LONG_S), "timeout"),
        "llm.rate_limited": (errors("llm", status=429), "rate_limit"),
        "llm.server_error": (errors("llm", status=500), "network"),
        "llm.overloaded": (errors("llm", status=503, retry_after_s=1.0), "network"),
        # A cache is there to be fast: without it, answers are dearer, and no worse.
        "redis.down": (outage("redis"), ""),
        "redis.hangs": (hang("redis", for_s=_LONG_S), ""),
        "redis.read_only": (errors("redis", message="READONLY of a replica"), ""),
        "database.lost": (outage("database"), "network"),
        "database.hangs": (hang("database", for_s=_LONG_S), "timeout"),
        "database.error": (errors("database", message="disk full"), "internal"),
    }
    for name, (fault, ending) in strikes.items():
        yield ErrorCase(name=name, text=f"What if {name}?", expect=ending, faults=(fault,))


def _turns(tool: str) -> Iterator[ErrorCase]:
    from agent_perf.sim import llm

    spoken = llm.text(tokens=20)
    said: dict[str, tuple[tuple[Any, ...], str]] = {
        "llm.slow_to_begin": ((llm.slow_first_token(_LONG_S),), "timeout"),
        "llm.stalled_stream": ((llm.stall(spoken, after_tokens=5, for_s=_LONG_S),), "timeout"),
        "llm.truncated_stream": ((llm.truncated(spoken, after_tokens=5),), "network"),
        "llm.filtered": ((llm.text(tokens=5, finish="content_filter"),), "model"),
    }
    if tool:
        # The model is told what was wrong with its call, and goes on without.
        bad = (llm.malformed_tool(tool, '{"query": '), llm.text(tokens=5))
        said["llm.bad_tool_json"] = (bad, "")
    for name, (turns, ending) in said.items():
        yield ErrorCase(name=name, text=f"What if {name}?", expect=ending, turns=turns)
