from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim.faults import (
    Fault,
    check_faults,
    crash,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: outage("redis", at_s=-1.0), "at_s=-1.0"),
        (lambda: outage("redis", at_s=math.nan), "at_s=nan"),
        (lambda: outage("redis", at_s=math.inf), "at_s=inf"),
        (lambda: outage("redis", at_s="10"), "at_s='10'"),  # type: ignore[arg-type]
        (lambda: outage("redis", for_s=0.0), "for_s=0.0"),
        (lambda: outage("redis", for_s=1e-12), "for_s=1e-12"),
        (lambda: outage("redis", for_s=math.inf), "for_s=inf"),
        (lambda: outage("redis", for_s=5, every_s=4), "every_s=4"),
        (lambda: outage("redis", every_s=4), "every_s=4 without for_s"),
        (lambda: outage(""), "service=''"),
        (lambda: slow("llm"), "changes nothing"),
        (lambda: slow("llm", factor=0), "factor=0"),
        (lambda: slow("llm", factor=-2), "factor=-2"),
        (lambda: slow("llm", factor=math.nan), "factor=nan"),
        (lambda: slow("llm", added_s=-1), "added_s=-1"),
        (lambda: errors("llm", ratio=0.0), "probability=0.0"),
        (lambda: errors("llm", ratio=1.5), "probability=1.5"),
        (lambda: errors("llm", ratio=math.nan), "probability=nan"),
        (lambda: errors("llm", status=200), "status=200"),
        (lambda: reset("redis", probability=-0.1), "probability=-0.1"),
        (lambda: hang("redis", probability=2), "probability=2"),
        (lambda: partition("app", "app"), "want two places"),
        (lambda: partition("app", ""), "want a second place"),
        (lambda: crash("ingest", at_s=1, back_after_s=0), "for_s=0"),
        (lambda: drop_first("redis", 0), "want 1 or more"),
    ],
)
def test_impossible_faults_are_refused(make: Callable[[], Fault], message: str) -> None:
    """
    A fault that cannot be is a ConfigError that names the value.
    """
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ((outage("redis"), outage("redis", at_s=5)), "'redis outage'"),
        (("redis",), "'redis'"),
        ("redis", "want a tuple"),
        ((slow("redis", factor=2, operation="redis.trap"),), "redis has redis.connect, redis.trip"),
        ((errors("redis", operation="redis.*"),), "cannot be answered"),
        (
            (
                crash("ingest", at_s=1, back_after_s=5),
                crash("ingest", at_s=3, back_after_s=1, name="again"),
            ),
            "ingest is down then",
        ),
    ],
)
def test_impossible_schedules_are_refused(faults: tuple[Fault, ...], message: str) -> None:
    """
    Faults that cannot be together, or strike nothing, are a ConfigError that says which.
    """
    with pytest.raises(ConfigError) as caught:
        check_faults(faults)
    assert message in str(caught.value)
