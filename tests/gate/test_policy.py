import pytest

from agent_perf.errors import ConfigError
from agent_perf.gate import Level, Limit, Policy, make_policy
from agent_perf.records import DuetRun

DEFAULTS = make_policy({}, {})


@pytest.mark.parametrize(
    ("metric", "level", "ratio"),
    [
        ("latency.p95", Level.ERROR, 0.15),
        ("latency.hit.p50", Level.ERROR, 0.15),
        ("success_ratio", Level.ERROR, 0.05),
        ("throughput", Level.ERROR, 0.15),
        ("cpu.median", Level.ERROR, 0.15),
        ("memory.peak", Level.ERROR, 0.20),
        ("work.redis_trips", Level.ERROR, 0.0),
        ("work.llm_cost_usd", Level.ERROR, 0.0),
        ("work.events", Level.ERROR, 0.0),
        ("work.bytes_sent", Level.ERROR, 0.15),
        ("work.db_connects", Level.OFF, None),
        ("work.db_waits", Level.OFF, None),
        ("work.redis_hits", Level.OFF, None),
        ("work.llm_tokens_cached", Level.OFF, None),
    ],
)
def test_defaults(metric: str, level: Level, ratio: float | None) -> None:
    """
    Without configuration these limits hold.
    """
    assert Limit(level=level, ratio=ratio) == DEFAULTS.limit("agent.chat@50", metric)


@pytest.mark.parametrize("turned", [False, True])
def test_the_most_specific_limit_wins(turned: bool) -> None:
    """
    A benchmark beats a metric, a longer pattern a shorter one, in whatever order they stand.
    """
    limits = {
        "latency.*": "20%",
        "latency.p99": "30%",
        "agent.*:latency.*": "40%",
        "agent.chat@*:latency.*": "50%",
        "*.p50": "off",
    }
    policy = make_policy(dict(reversed(limits.items())) if turned else limits, {})

    assert 0.2 == policy.limit("cache.get@1", "latency.p95").ratio
    assert 0.3 == policy.limit("cache.get@1", "latency.p99").ratio
    assert 0.4 == policy.limit("agent.search@1", "latency.p99").ratio
    assert 0.5 == policy.limit("agent.chat@1", "latency.p99").ratio
    assert 0.5 == policy.limit("agent.chat@1", "latency.p50").ratio
    assert 0.2 == policy.limit("cache.get@1", "latency.p50").ratio


def test_own_limits_beat_equal_defaults() -> None:
    """
    A project's limit replaces the default of the same pattern.
    """
    policy = make_policy({"work.*": "5%", "memory.*": "warn 30%", "throughput": "off"}, {})

    assert Limit(level=Level.ERROR, ratio=0.05) == policy.limit("a.b@1", "work.redis_trips")
    assert Limit(level=Level.WARN, ratio=0.3) == policy.limit("a.b@1", "memory.peak")
    assert Limit(level=Level.OFF, ratio=None) == policy.limit("a.b@1", "throughput")


def test_without_any_rule_nothing_is_limited() -> None:
    """
    A policy made of no rules limits nothing.
    """
    assert Limit(level=Level.OFF, ratio=None) == Policy(rules=(), targets={}).limit("a", "b")


def test_limit_of_a_duet() -> None:
    """
    A duet's limit is that of its benchmark and metric.
    """
    duet = DuetRun(
        benchmark="cache.Memory.time_get",
        metric="cpu.median",
        unit="s",
        base=(),
        head=(),
        calls_per_round=1,
    )

    assert 0.15 == DEFAULTS.limit_of(duet)
    assert None is make_policy({"cache.*:cpu.*": "off"}, {}).limit_of(duet)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency.p95": "fast"}, r"'latency\.p95': limit 'fast'; want a percentage"),
        ({"latency.p95": "warn"}, "limit ''"),
        ({"latency.p95": "loud 5%"}, "limit 'loud 5%'"),
        ({"latancy.p95": "5%"}, "'latancy' is unknown; did you mean 'latency'"),
        ({"agent.*:wrok.x": "5%"}, "'wrok' is unknown; did you mean 'work'"),
        ({"zzz": "5%"}, "they begin with latency, work"),
    ],
)
def test_bad_limits(limits: dict[str, str], message: str) -> None:
    """
    A limit that cannot be read, or that could never apply, is refused and named.
    """
    with pytest.raises(ConfigError, match=message):
        make_policy(limits, {})


def test_targets_of_the_project_come_before_the_scenario() -> None:
    """
    The longer pattern wins over the shorter, and both over what the scenario declares.
    """
    policy = make_policy(
        {},
        {
            "agent.chat@200": {"latency.p95": "300ms"},
            "agent.*": {"latency.p95": "200ms", "throughput": "20"},
        },
    )
    declared = {"latency.p95": 0.1, "latency.p99": 0.4}

    assert {"latency.p95": 0.3, "throughput": 20.0, "latency.p99": 0.4} == policy.targets_for(
        "agent.chat@200", declared
    )
    assert {"latency.p95": 0.2, "throughput": 20.0, "latency.p99": 0.4} == policy.targets_for(
        "agent.chat@1", declared
    )
    assert declared == policy.targets_for("cache.get@1", declared)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"agent.*": {"latency.p95": "150"}}, r"'agent\.\*': duration '150'"),
        ({"agent.*": {"latncy.p95": "150ms"}}, "did you mean 'latency'"),
    ],
)
def test_bad_targets(targets: dict[str, dict[str, str]], message: str) -> None:
    """
    A target that cannot be read, or names no metric, is refused and named.
    """
    with pytest.raises(ConfigError, match=message):
        make_policy({}, targets)


def test_batches_are_limited_like_payloads() -> None:
    """
    How many events share a delivery follows from timing: some more is none, a sixth more is.
    """
    policy = make_policy({}, {})

    assert 0.15 == policy.limit("events.single@50", "work.event_requests").ratio
    assert 0.0 == policy.limit("events.single@50", "work.events").ratio
    assert 0.0 == policy.limit("events.single@50", "work.http_requests").ratio
