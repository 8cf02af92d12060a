"""What is known of a commit while workers come and go."""

from __future__ import annotations

from agent_perf.fleet.account import LOSSES_MAX, Account
from agent_perf.suite import Event


def told(account: Account, *events: Event) -> list[str]:
    return [each.kind for event in events for each in account.take(event)]


def named(kind, *names: str) -> Event:
    return Event(kind=kind, names=names)


def test_what_was_told_is_not_told_again() -> None:
    """The second try may repeat everything: only what is new comes out."""
    account = Account("c", "benchmarks")
    first = [named("found", "a", "b"), named("imports", "json"), named("run", "a")]

    assert ["found", "imports", "run"] == told(account, *first)
    assert [] == told(account, *first)
    assert ["run"] == told(account, named("run", "b"))
    assert ("a", "b") == account.ended


def test_a_stored_run_is_known_by_its_benchmark() -> None:
    """Its key carries the environment, too."""
    account = Account("c", "benchmarks")

    assert ["kept"] == told(account, named("kept", "a@5-py3.11-1-2-3"))
    assert ("a@5",) == account.ended


def test_a_benchmark_that_loses_three_workers_is_broken() -> None:
    """It is told so with their names, and the others are still to be measured."""
    account = Account("c", "benchmarks")
    told(account, named("found", "a", "b"))
    for worker in ("one", "two"):
        told(account, named("started", "a"))
        assert [] == list(account.lose(worker))
    told(account, named("started", "a"))

    (broken,) = account.lose("three")

    assert 3 == LOSSES_MAX
    assert ("a",) == broken.names
    assert "crashed" == broken.failure.category
    assert "3 workers were lost while it ran: one, two, three" == broken.failure.message
    assert ("a",) == account.ended
    assert not account.is_settled


def test_losses_are_counted_by_benchmark() -> None:
    """Three workers that were lost during three benchmarks speak against none of them."""
    account = Account("c", "benchmarks")
    told(account, named("found", "a", "b", "c"))
    for name in "abc":
        told(account, named("started", name))
        assert [] == list(account.lose("one"))

    assert not account.is_settled


def test_a_commit_whose_import_loses_three_workers_is_broken() -> None:
    """Before anything was found, the package is what is broken."""
    account = Account("c", "benchmarks")
    events = [event for _ in range(3) for event in account.lose("one")]

    assert [("benchmarks",)] == [event.names for event in events]
    assert account.is_settled


def test_who_moves_is_not_blamed() -> None:
    """A machine that cannot go on is no loss of the benchmark that it was at."""
    account = Account("c", "benchmarks")
    told(account, named("found", "a", "b"))
    for _ in range(LOSSES_MAX):
        told(account, named("started", "a"))
        account.move()
    assert [] == list(account.lose("one"))
    assert [] == list(account.lose("two"))
    assert ["a", "b"] == [event.names[0] for event in account.lose("three")]
