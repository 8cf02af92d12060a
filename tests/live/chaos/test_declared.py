import asyncio

import pytest

from agent_perf.errors import UsageError
from agent_perf.live.chaos import DeclaredFaults, ToxicKind, Way
from agent_perf.live.chaos.declared import toxic_of
from agent_perf.sim.faults import (
    Fault,
    crash,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from tests.live.chaos.upstreams import proxied, talk


class _Counting:
    """A witness of counts alone."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        self.counts[name] = self.counts.get(name, 0) + amount

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@pytest.mark.parametrize(
    ("fault", "kind", "way"),
    [
        (outage("redis", at_s=1), ToxicKind.REFUSE, Way.DOWN),
        (reset("database", at_s=1), ToxicKind.RESET, Way.DOWN),
        (slow("redis", added_s=0.1), ToxicKind.LATENCY, Way.DOWN),
        (hang("redis", at_s=1), ToxicKind.PARTITION, Way.DOWN),
        (partition("app", "redis"), ToxicKind.PARTITION, Way.BOTH),
        (partition("database", "app"), ToxicKind.PARTITION, Way.BOTH),
    ],
)
def test_declared_faults_have_a_toxic(fault: Fault, kind: ToxicKind, way: Way) -> None:
    """
    What a scenario declares for virtual time is done by a proxy where it can be.
    """
    toxic = toxic_of(fault)

    assert (kind, way, fault.label) == (toxic.kind, toxic.way, toxic.name)
    assert fault.added_s == toxic.latency_s


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (errors("redis", ratio=0.1), "does not speak the service's protocol"),
        (drop_first("redis", 2), "counts connections, not operations"),
        (crash("mailer", at_s=1, back_after_s=1), "is no process"),
        (outage("llm", at_s=1), "llm is played by the scenario"),
        (slow("redis", factor=3), "want added_s"),
        (slow("redis", added_s=1, probability=0.5), "chances are of operations"),
        (hang("redis", operation="redis.trip"), "does not know operations"),
        (partition("mailer", "redis"), "mailer is played by the scenario"),
    ],
)
def test_what_has_no_live_meaning_is_refused(fault: Fault, reason: str) -> None:
    """
    A fault that no proxy can do is refused by its name, with the reason and a way out.
    """
    with pytest.raises(UsageError, match=rf"{fault.label}.*{reason}.*--?|agent-perf chaos"):
        DeclaredFaults([fault], _Counting())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=reason):
        toxic_of(fault)


def test_windows_are_those_of_virtual_time() -> None:
    """
    A fault that comes again has a window each time, and the last one ends with the run.
    """
    faults = DeclaredFaults(
        [outage("redis", at_s=1, for_s=1, every_s=2), slow("database", added_s=1, at_s=0.5)],
        _Counting(),  # type: ignore[arg-type]
    )

    assert [
        ("database slow", 500_000_000, 3_500_000_000),
        ("redis outage", 1_000_000_000, 2_000_000_000),
        ("redis outage", 3_000_000_000, 3_500_000_000),
    ] == [(one.name, one.start_ns, one.end_ns) for one in faults.windows(3_500_000_000)]
    assert ("redis", "database") == faults.services


@pytest.mark.slow
def test_faults_come_and_go_at_their_times() -> None:
    """
    A fault is on in its windows and off outside of them, and told as a strike.
    """

    async def story() -> tuple[list[str], dict[str, int]]:
        witness = _Counting()
        faults = DeclaredFaults(
            [reset("redis", at_s=0.05, for_s=0.3, every_s=0.9)],
            witness,  # type: ignore[arg-type]
        )
        heard = []
        async with proxied() as proxy:
            idle = await asyncio.open_connection("127.0.0.1", proxy.address.port)
            await asyncio.sleep(0.01)
            faults.begin({"redis": proxy})
            for toxics in (1, 0, 1):
                async with asyncio.timeout(10):
                    while len(proxy._toxics) != toxics:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                try:
                    heard.append((await talk(proxy, b"x")).decode())
                except ConnectionError:
                    heard.append("-")
            await faults.end()
            idle[1].close()
        return heard, witness.counts

    heard, counts = asyncio.run(story())
    assert ["-", "x", "-"] == heard
    assert 1 == counts["faults"]
