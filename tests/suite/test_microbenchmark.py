"""How a micro-benchmark is sized before it is measured."""

from __future__ import annotations

import time
from types import SimpleNamespace

from agent_perf.suite.duet_round import size_of
from agent_perf.suite.microbenchmark import ready


def benchmark(function):
    """Return *function* as asv would have found it, with asv's own timer."""
    return SimpleNamespace(
        name="micro.time_it",
        type="time",
        params=[],
        setup_cache_key=None,
        timer=time.perf_counter,
        func=function,
        do_setup=lambda: False,
        _attr_sources=[],
        _build_params=lambda: (),
    )


def test_what_waits_is_sized_by_real_time() -> None:
    """
    A sleep of 10 ms uses some hundredth of that of the CPU: it is called once at a time, five
    to twenty times a round, and not until it has filled a round with CPU time.
    """
    number, call_s = ready(benchmark(lambda: time.sleep(0.01)), 0)
    size = size_of(number, call_s)

    assert (1, 1) == (number, size.calls)
    assert 5 <= size.blocks <= 20


def test_what_computes_is_sized_by_its_clock() -> None:
    """Calls are repeated until they fill some hundred times the clock's own cost."""
    number, call_s = ready(benchmark(lambda: sum(range(100))), 0)

    assert 2 < number
    assert 0.0002 <= call_s < 0.004
