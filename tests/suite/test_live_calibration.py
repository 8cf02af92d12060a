"""CPU costs of real time: measured on real services, priced per unit of the same work."""

from __future__ import annotations

import pytest

from agent_perf.live.services import Service, embeddable
from agent_perf.sim import default_costs
from agent_perf.suite.calibration import Sample, Sampling
from agent_perf.suite.live_calibration import calibrate_live


@pytest.mark.slow
def test_real_time_prices_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The same work has a price as in virtual time; what a kernel, sockets and the hosts of the
    process add to it is more than nothing: a trip costs more than there.
    """
    for service in Service:
        monkeypatch.delenv(f"AGENT_PERF_{service.value.upper()}_URL", raising=False)
        if embeddable(service) is None:
            pytest.skip(f"no {service.value} to start")
    seen: dict[str, Sample] = {}

    costs = calibrate_live(
        Sampling(rounds=2, calls=3), lambda name, one: seen.update({name: one}), ns_per_call=77
    )

    ours = default_costs()
    assert (ours.ns.keys(), ours.ns_per_kib.keys()) == (costs.ns.keys(), costs.ns_per_kib.keys())
    assert 77 == costs.ns_per_call
    assert "tier live" in costs.source
    assert costs.ns["redis_trips"] > ours.ns["redis_trips"]
    # A call is a statement, and the rollback when its connection is given back.
    assert costs.ns["db_statements"] == seen["db statement"].client_ns // 2
