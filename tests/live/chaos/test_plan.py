from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent_perf.config import ChaosFault, ChaosProxy, ChaosWorker, NamedChaos
from agent_perf.errors import ConfigError, UsageError
from agent_perf.live.chaos import plan_of, timeline_lines

RESET = ChaosFault(kind="reset", proxy="redis", at_s=5)
NAMED = NamedChaos(
    url="http://127.0.0.1:8000",
    proxies={"redis": ChaosProxy(upstream="127.0.0.1:6379")},
    workers={"api": ChaosWorker(command="python app.py", restart_after_s=2)},
    faults=(RESET,),
)


def _fault(**changed: Any) -> NamedChaos:
    return replace(NAMED, faults=(msgspec.structs.replace(RESET, **changed),))


def test_a_plan_ends_when_all_is_told() -> None:
    """
    The load lasts until the last recovery can have been seen, and half a second more.
    """
    plan = plan_of("x", NAMED, ())

    # 5 s, an instant, 5 s to recover, 2 s to show it, and the half.
    assert (250, 12.5) == (plan.request_count, plan.length_s)
    assert "redis reset" == plan.injections[0].name


def test_what_overlaps_is_one_incident() -> None:
    """
    Recovery from two faults that overlap counts from the end of the later one.
    """
    faults = (
        ChaosFault(kind="latency", latency_s=0.1, proxy="redis", at_s=5, for_s=4),
        ChaosFault(kind="refuse", proxy="redis", at_s=6, for_s=1),
    )
    plan = plan_of("x", replace(NAMED, faults=faults), ())

    assert [(5.0, 9.0, 9.0), (6.0, 7.0, 9.0)] == [
        (one.begin_s, one.end_s, one.over_s) for one in plan.injections
    ]


def test_a_kill_lasts_until_the_restart() -> None:
    """
    Who is killed is away for as long as the worker's supervisor says, or the fault does.
    """
    kill = ChaosFault(kind="kill", worker="api", at_s=5)
    lengths = [
        plan_of("x", replace(NAMED, faults=(one,)), ()).injections[0].end_s - 5
        for one in (kill, msgspec.structs.replace(kill, for_s=0.5))
    ]

    assert [2.0, 0.5] == lengths


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (replace(NAMED, faults=()), "has no faults"),
        (replace(NAMED, steady=()), "what must hold"),
        (_fault(proxy="redsi"), "did you mean 'redis'"),
        (_fault(proxy=""), "no proxy; want one of redis"),
        (_fault(kind="kill"), "no worker; want one of api"),
        (_fault(kind="kill", worker="api"), "not of proxy redis"),
        (_fault(at_s=1), "want at_s >= 2"),
        (_fault(kind="refuse"), "want for_s > 0"),
        (_fault(during=("p95 <= 1s",)), "of an instant"),
        (_fault(first=2), "of an instant"),
        (_fault(kind="latency", for_s=1), "changes nothing"),
        (_fault(latency_s=1), "latency_s=1 has no meaning for reset"),
        (_fault(kind="refuse", for_s=1, first=2), "refuses all or none"),
        (_fault(for_s=1, during=("p96 <= 1s",)), "no metric 'p96'"),
        (replace(NAMED, window_s=0.5), "holds 10 requests"),
        (replace(NAMED, rate_hz=1e6), "want 5,000,000 at most"),
        (replace(NAMED, faults=(RESET, RESET)), "two faults are called 'redis reset'"),
        (
            replace(NAMED, faults=(RESET, msgspec.structs.replace(RESET, at_s=8, name="b"))),
            "want at_s >= 12",
        ),
        (replace(NAMED, url="http://{api}/"), "no proxy 'api'; proxies: redis"),
        (replace(NAMED, proxies={"redis": ChaosProxy(upstream="6379x")}), "want HOST:PORT"),
        (replace(NAMED, proxies={"redis": ChaosProxy(upstream="127.0.0.1:0")}), "service's port"),
    ],
)
def test_plans_that_cannot_be_are_refused(named: NamedChaos, message: str) -> None:
    """
    What cannot be done, or would tell nothing, is refused before anything is broken.
    """
    with pytest.raises(ConfigError, match=message):
        plan_of("x", named, ())


@pytest.mark.parametrize(
    "named",
    [
        replace(NAMED, url="http://shop.example:80"),
        replace(NAMED, proxies={"redis": ChaosProxy(upstream="shop.example:6379")}),
        replace(
            NAMED,
            proxies={"redis": ChaosProxy(upstream="127.0.0.1:6379", listen="shop.example:1")},
        ),
    ],
)
def test_other_machines_want_permission(named: NamedChaos) -> None:
    """
    A service, an upstream or a listener elsewhere has to be allowed by its name.
    """
    with pytest.raises(UsageError, match=r"--allow-host shop\.example"):
        plan_of("x", named, ())
    assert plan_of("x", named, ["shop.example"]).injections


def test_the_timeline_is_told() -> None:
    """
    A dry run says what would happen, in its order.
    """
    faults = (
        ChaosFault(kind="refuse", proxy="redis", at_s=5, for_s=2, during=("success_ratio >= 50%",)),
    )
    lines = timeline_lines(plan_of("x", replace(NAMED, faults=faults), ()))

    assert [
        "    0.00 s  20 requests a second to http://127.0.0.1:8000",
        "    5.00 s  the steady state must hold: success_ratio >= 99.9 %",
        "    5.00 s  redis refuse: refuse of redis for 2 s; meanwhile success_ratio >= 50 %",
        "   12.00 s  redis refuse: the steady state must hold again",
        "   14.50 s  the last request is sent",
    ] == [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
