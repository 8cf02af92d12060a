"""What is told of how the sampling ended."""

from __future__ import annotations

from agent_perf.cli.sampling import sampling_warnings
from agent_perf.suite import Duets


def test_what_the_budget_left_open_is_told() -> None:
    """How many metrics, after how long, and what to do."""
    duets = Duets(runs=(), failures=(), open_count=2)

    (told,) = sampling_warnings(duets, 60.0)

    assert told.startswith("budget of 60 s ended before 2 sampled metrics had an answer; ")
    assert told.endswith("give more with --time-budget, or choose with --only")


def test_an_interrupt_is_not_the_budgets_end() -> None:
    """Whoever ended it knows that it was not the time."""
    duets = Duets(runs=(), failures=(), open_count=1, interrupted=True)

    assert ("interrupted while 1 sampled metric had no answer yet",) == sampling_warnings(duets, 9)


def test_a_decided_suite_needs_no_word() -> None:
    """Nothing open, nothing told."""
    assert () == sampling_warnings(Duets(runs=(), failures=()), 60.0)
