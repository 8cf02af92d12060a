"""
Imports what benchmarks would import late, once and before the first fork.

Client libraries import most of themselves when first used: openai alone some 1,500
modules, for two seconds. Each fork would pay that again, and inside its simulation.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from agent_perf.suite.declaration import Scenario
from agent_perf.suite.fork import run_in_fork
from agent_perf.suite.runner import run_scenario

_REHEARSAL_S: Final = 10.0
"""One request to each scenario takes a second or two; what hangs is not waited for twice."""


def import_early(
    scenarios: Sequence[Scenario], known: Sequence[str], *, time_limit_s: float = _REHEARSAL_S
) -> tuple[str, ...]:
    """
    Import what *scenarios* need beyond what is imported already, and return its names.

    Which modules that are is found out by one request to each scenario, in a fork that
    is thrown away: only imports reach this process, no state.

    Args:
        scenarios: What will be measured.
        known: What an earlier call returned; there is no rehearsal then.
        time_limit_s: Real seconds for one benchmark; a rehearsal takes no longer either.
    """
    names = tuple(known) or (_rehearse(scenarios, time_limit_s) if scenarios else ())
    for name in names:
        # A module may be gone in this commit, or want to be imported by its package only.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    return names


def _rehearse(scenarios: Sequence[Scenario], time_limit_s: float) -> tuple[str, ...]:
    before = frozenset(sys.modules)

    def rehearse() -> bytes:
        for scenario in scenarios:
            # What fails here fails again when it is measured, and is told then.
            with contextlib.suppress(Exception):
                run_scenario(replace(scenario, requests=1, warmup=0), 1, commit="rehearsal")
        late = [
            name
            for name, module in list(sys.modules.items())
            if name not in before and getattr(module, "__spec__", None) is not None
        ]
        return msgspec.json.encode(late)

    answer = run_in_fork(rehearse, time_limit_s=min(time_limit_s, _REHEARSAL_S))
    return msgspec.json.decode(answer, type=tuple[str, ...]) if isinstance(answer, bytes) else ()
