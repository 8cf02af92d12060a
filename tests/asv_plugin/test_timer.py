from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from agent_perf.asv_plugin import fastest, per_call
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


def test_fastest_of_ten_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of every ten turns the one that was disturbed least is the sample, per call.
    """
    now_s, turns = 0.0, 0

    def run() -> None:
        nonlocal now_s, turns
        turns += 1
        now_s += 0.5 if turns % 10 == 7 else 4.0

    monkeypatch.setattr(time, "process_time", lambda: now_s)

    result = fastest(run, calls=100)

    assert pytest.approx([0.005] * 10) == result["samples"]
    assert 100 == result["number"]
