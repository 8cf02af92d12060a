from dataclasses import replace

from agent_perf.config import ChaosFault, ChaosProxy, NamedChaos
from agent_perf.live.chaos import Plan, plan_of
from agent_perf.live.chaos.judging import fault_checks, load_checks, steady_checks
from agent_perf.live.chaos.observations import Observations

NAMED = NamedChaos(
    url="http://127.0.0.1:8000",
    rate_hz=10,
    proxies={"redis": ChaosProxy(upstream="127.0.0.1:6379")},
    faults=(
        ChaosFault(
            kind="refuse",
            proxy="redis",
            at_s=5,
            for_s=2,
            during=("success_ratio >= 60%", "p50 <= 100ms"),
        ),
    ),
    recovery_s=3,
)
PLAN = plan_of("x", NAMED, ())


def _observed(plan: Plan, bad: range, latency_s: float = 0.01) -> Observations:
    """Return what became of the requests, of which those in *bad* failed."""
    observations = Observations(plan.rate_hz, plan.request_count)
    for index in range(plan.request_count):
        observations.end(index, latency_s, is_good=index not in bad)
    return observations


def test_each_promise_has_a_verdict() -> None:
    """
    Half fail while the fault is on, and some for half a second after it.
    """
    observations = _observed(PLAN, range(60, 75))
    checks = {one.name: one for one in fault_checks(PLAN, observations, {})}

    success = checks["check.during.redis_refuse.success_ratio"]
    assert (False, 0.5, 0.6) == (success.passed, success.observed, success.limit)
    latency = checks["check.during.redis_refuse.p50"]
    assert (True, 0.01) == (latency.passed, latency.observed)
    recovery = checks["check.recovery.redis_refuse"]
    assert (True, 3.0) == (recovery.passed, recovery.limit)
    assert 0.5 == recovery.observed
    assert recovery.text.endswith("well again after 500 ms")


def test_recovery_that_comes_too_late_is_a_failure() -> None:
    """
    Well again after the limit is told with its time; never, with how long was looked.
    """
    late = _observed(replace(PLAN), range(60, 101))
    (recovery,) = [one for one in fault_checks(PLAN, late, {}) if "recovery" in one.name]

    assert (False, None) == (recovery.passed, recovery.observed)
    assert "not well in the 5" in recovery.text


def test_what_was_never_struck_is_undecided() -> None:
    """
    A fault that nobody could feel is not called borne, and says why.
    """
    checks = fault_checks(PLAN, _observed(PLAN, range(0)), {"redis refuse": "nobody came"})

    assert {None} == {one.passed for one in checks}
    assert {"redis refuse: nobody came"} == {one.text for one in checks}


def test_no_answer_has_no_latency() -> None:
    """
    A quantile that no answer reached is no number, and not kept.
    """
    observations = _observed(PLAN, range(50, 70))
    checks = {one.name: one for one in fault_checks(PLAN, observations, {})}
    latency = checks["check.during.redis_refuse.p50"]

    assert (False, None) == (latency.passed, latency.observed)
    assert "no answer" in latency.text


def test_the_steady_state_is_told() -> None:
    """
    What held before the first fault is a result of its own.
    """
    (check,) = steady_checks(PLAN, _observed(PLAN, range(50, 70)))

    assert ("check.steady.success_ratio", True, 1.0) == (check.name, check.passed, check.observed)


def test_a_late_load_is_undecided() -> None:
    """
    If more than a twentieth of the requests left late, latencies are this machine's own.
    """
    assert () == load_checks(5, 100)
    (check,) = load_checks(6, 100)
    assert check.passed is None
    assert "6 of 100 requests left over 0.1 s late" in check.text
