from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from agent_perf.asv_plugin import per_call
from agent_perf.errors import ConfigError


def timer_of(calls: int) -> Callable[[], float]:
    @per_call(calls)
    def benchmark() -> None: ...

    timer: Callable[[], float] = benchmark.timer  # type: ignore[attr-defined]
    return timer


def test_seconds_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of 3 s of CPU time, each of 1,000 calls took 3 ms.
    """
    timer = timer_of(1_000)
    monkeypatch.setattr(time, "process_time", lambda: 10.0)
    before = timer()
    monkeypatch.setattr(time, "process_time", lambda: 13.0)

    assert 0.003 == round(timer() - before, 12)


def test_at_least_one_call() -> None:
    """
    A benchmark that makes no call has no time per call.
    """
    with pytest.raises(ConfigError, match=r"per_call\(0\)"):
        per_call(0)
