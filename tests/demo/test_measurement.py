"""The suite over the demo's whole history: what was planted is what is found."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent_perf.config import load_config
from agent_perf.demo import DemoHistory
from agent_perf.gate import explain
from agent_perf.records import Run
from agent_perf.repository import Repository
from agent_perf.suite import lay_out, measure_tree

pytestmark = pytest.mark.slow

Runs = Mapping[str, Run]


@pytest.fixture(scope="module")
def measured(demo: DemoHistory, tmp_path_factory: pytest.TempPathFactory) -> tuple[Runs, ...]:
    """Benchmark to run, for each commit, the oldest first."""
    folder = tmp_path_factory.mktemp("measured")
    repository = Repository(root=demo.root)
    config = load_config(demo.root)

    def measure(commit: str) -> Runs:
        tree = lay_out(repository, commit, config, folder / commit)
        events = list(measure_tree(tree, package=config.benchmarks, time_limit_s=300))
        assert not [event.failure for event in events if event.failure]
        return {event.run.benchmark: event.run for event in events if event.run}

    with ThreadPoolExecutor(2) as pool:
        return tuple(pool.map(measure, [commit.id for commit in demo.commits]))


def comparable(run: Run) -> Run:
    return replace(run, commit="", environment=replace(run.environment, packages={}))


def test_every_commit_is_measured(measured: tuple[Runs, ...]) -> None:
    """
    All benchmarks give a run on every commit, and no request fails.
    """
    names = {"support.answer@50", "support.answer@200", "support.orders@50"}

    assert [names] * 12 == [set(runs) for runs in measured]
    assert not any(run.errors for runs in measured for run in runs.values())


def test_innocent_commits_change_nothing(demo: DemoHistory, measured: tuple[Runs, ...]) -> None:
    """
    A commit without a cause gives its parent's numbers to the last bit, traces included.
    """
    for index, commit in enumerate(demo.commits[1:], start=1):
        if commit.cause is None:
            for name, run in measured[index].items():
                assert comparable(measured[index - 1][name]) == comparable(run), commit.subject


def test_culprits_are_explained_by_their_cause_alone(
    demo: DemoHistory, measured: tuple[Runs, ...]
) -> None:
    """
    Whatever a culprit changes, in any benchmark, is explained by what was planted.
    """
    for index, commit in enumerate(demo.commits[1:], start=1):
        if commit.cause is not None:
            kinds = {
                cause.kind
                for name, run in measured[index].items()
                for cause in explain(measured[index - 1][name], run)
            }
            assert {commit.cause} == kinds


def every_request_asks_redis_once_more(base: Run, head: Run) -> bool:
    trips = head.counts["redis_trips"] - base.counts["redis_trips"]
    return trips == len(head.latency_ns)


def statements_grow_with_orders(base: Run, head: Run) -> bool:
    # Customers have 3 to 8 orders and ask for the newest 5.
    more = head.counts["db_statements"] - base.counts["db_statements"]
    return 3 * len(head.latency_ns) <= more <= 5 * len(head.latency_ns)


def few_hits_are_left(base: Run, head: Run) -> bool:
    return head.path.count("hit") * 4 < base.path.count("hit")


def every_event_travels_alone(base: Run, head: Run) -> bool:
    return (
        base.counts["event_requests"] * 2 < head.counts["event_requests"] == head.counts["events"]
    )


def all_model_calls_hold_a_connection(base: Run, head: Run) -> bool:
    held = "llm_calls_holding_db"
    return held not in base.counts and head.counts[held] == head.counts["llm_calls"]


@pytest.mark.parametrize(
    ("cause", "name", "holds"),
    [
        ("extra-round-trip", "support.answer@50", every_request_asks_redis_once_more),
        ("n-plus-one", "support.orders@50", statements_grow_with_orders),
        ("lost-cache-hit", "support.answer@200", few_hits_are_left),
        ("batching-off", "support.answer@50", every_event_travels_alone),
        ("connection-held", "support.answer@200", all_model_calls_hold_a_connection),
    ],
)
def test_culprit_does_what_was_planted(
    demo: DemoHistory,
    measured: tuple[Runs, ...],
    cause: str,
    name: str,
    holds: Callable[[Run, Run], bool],
) -> None:
    """
    Each culprit does to the work exactly what its cause says.
    """
    index = [commit.cause for commit in demo.commits].index(cause)

    assert holds(measured[index - 1][name], measured[index][name])


def test_connection_held_makes_a_full_house_wait(
    demo: DemoHistory, measured: tuple[Runs, ...]
) -> None:
    """
    50 users never wait for one of 50 connections; the P95 of 200 users grows by half.
    """
    index = [commit.cause for commit in demo.commits].index("connection-held")

    def p95(runs: Runs, name: str) -> int:
        ordered = sorted(runs[name].latency_ns)
        return ordered[-(-len(ordered) * 95 // 100) - 1]

    base, head = measured[index - 1], measured[index]
    assert "db_waits" not in head["support.answer@50"].counts
    assert 2 * p95(head, "support.answer@200") > 3 * p95(base, "support.answer@200")
