"""Looking on by the real clock."""

from __future__ import annotations

import time

import pytest

from agent_perf.load import Constant, Course
from agent_perf.measure import looking_on
from agent_perf.suite import run_load
from tests.suite.test_loading import queue


def test_who_looks_on_sees_real_time_while_a_simulation_runs() -> None:
    """
    A load of a virtual day is ended after a moment, and what it came to until then is kept.
    """
    course = Course()
    seen: list[float] = []

    def look(spent_s: float) -> None:
        seen.append(spent_s)
        course.stop = spent_s > 0.2

    start_s = time.monotonic()
    with looking_on(look, every_s=0.05):
        run = run_load(queue, Constant(rate_hz=20, for_s=86_400), course=course)

    assert 0.2 < seen[-1] <= time.monotonic() - start_s
    assert 0 < run.offered == run.latency.count < 86_400 * 20
    assert "of 8.64e+04 s" in run.stopped


def test_what_it_raises_is_raised() -> None:
    """
    A mistake in it is not lost in its thread.
    """

    def look(spent_s: float) -> None:
        if spent_s < 0.05:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"), looking_on(look, every_s=0.01):
        time.sleep(0.2)
