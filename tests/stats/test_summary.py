import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.records import Evidence
from agent_perf.stats import rare_paths, summarize, work_metric
from tests.stats.example import make_run

MS = 1_000_000


def test_by_hand() -> None:
    """
    A run of 1 to 100 ms in two seconds comes to exactly these numbers.
    """
    run = make_run(
        latency_ns=[n * MS for n in range(100, 0, -1)],
        path=["hit"] * 80 + ["miss"] * 20,
        errors={3: "timeout"},
        counts={"redis_trips": 300, "bytes_sent": 7, "llm_cost_nanousd": 1_500_000_000},
    )

    assert {
        "latency.p50": (0.050, "s"),
        "latency.p95": (0.095, "s"),
        "latency.p99": (0.099, "s"),
        "latency.mean": (0.0505, "s"),
        "latency.hit.p50": (0.060, "s"),
        "latency.hit.p95": (0.096, "s"),
        "latency.miss.p50": (0.010, "s"),
        "latency.miss.p95": (0.019, "s"),
        "success_ratio": (0.99, "ratio"),
        "throughput": (50.0, "per_s"),
        "work.bytes_sent": (7.0, "bytes"),
        "work.llm_cost_usd": (1.5, "usd"),
        "work.redis_trips": (300.0, "count"),
    } == {m.name: (m.value, m.unit) for m in summarize(run)}
    assert {Evidence.EXACT} == {m.evidence for m in summarize(run)}


@pytest.mark.parametrize(
    ("requests", "names"),
    [
        (1, ["latency.p50", "latency.mean"]),
        (19, ["latency.p50", "latency.mean"]),
        (20, ["latency.p50", "latency.p95", "latency.mean"]),
        (99, ["latency.p50", "latency.p95", "latency.mean"]),
        (100, ["latency.p50", "latency.p95", "latency.p99", "latency.mean"]),
    ],
)
def test_only_what_the_requests_carry(requests: int, names: list[str]) -> None:
    """
    A percentile that would be the maximum is left out.
    """
    found = summarize(make_run(latency_ns=[MS] * requests))

    assert names == [m.name for m in found if m.name.startswith("latency")]


def test_failed_requests_count_in_latency() -> None:
    """
    A request that timed out is in the percentiles: its user waited.
    """
    run = make_run(
        latency_ns=[MS] * 90 + [900 * MS] * 10, errors=dict.fromkeys(range(90, 100), "x")
    )

    assert 0.9 == next(m.value for m in summarize(run) if m.name == "latency.p95")


def test_no_request_is_refused() -> None:
    """
    A run without a request has no numbers, and says which run it is.
    """
    with pytest.raises(SampleError, match=r"agent\.chat@50 has no request"):
        summarize(make_run(latency_ns=()))


def test_no_time_no_throughput() -> None:
    """
    A run that took no virtual time has no throughput, rather than an infinite one.
    """
    names = [m.name for m in summarize(make_run(latency_ns=[0], duration_ns=0))]

    assert "throughput" not in names


def test_what_was_never_counted_is_zero() -> None:
    """
    A work count that a run lacks is a zero of the same unit.
    """
    metric = work_metric(make_run(), "llm_cost_nanousd")

    assert ("work.llm_cost_usd", 0.0, "usd") == (metric.name, metric.value, metric.unit)


@given(latency_ns=st.lists(st.integers(0, 10**12), min_size=100, max_size=150), seed=st.randoms())
def test_order_does_not_matter(latency_ns: list[int], seed: object) -> None:
    """
    The same latencies in another order come to the same numbers, bit by bit.
    """
    shuffled = list(latency_ns)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert summarize(make_run(latency_ns=latency_ns)) == summarize(make_run(latency_ns=shuffled))


@given(latency_ns=st.lists(st.integers(0, 10**12), min_size=100, max_size=150))
def test_percentiles_are_observations(latency_ns: list[int]) -> None:
    """
    Each percentile is one of the latencies, and they rise with their rank.
    """
    found = {m.name: m.value for m in summarize(make_run(latency_ns=latency_ns))}
    ranked = [found["latency.p50"], found["latency.p95"], found["latency.p99"]]

    assert set(ranked) <= {ns / 1e9 for ns in latency_ns}
    assert sorted(ranked) == ranked


@pytest.mark.parametrize(("joined", "names"), [(1, []), (5, []), (6, ["latency.joined.p50"])])
def test_a_rare_path_has_no_latencies(joined: int, names: list[str]) -> None:
    """
    Of fewer than six requests the median is no more than whichever of them took that path.
    """
    run = make_run(path=["joined"] * joined + ["hit"] * (100 - joined))

    assert names == [one.name for one in summarize(run) if "joined" in one.name]
    assert ((("joined", joined),) if not names else ()) == rare_paths(run)
