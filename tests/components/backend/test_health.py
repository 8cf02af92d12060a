from __future__ import annotations

import asyncio
from typing import Any

from agent_perf.components import Backend, Health, Metrics, prometheus_text
from tests.components.backend.stage import Script, Stage, tell


class Patient:
    """Answers as it is told, and counts the questions."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.is_up = True
        self.error: Exception | None = None
        self.asked = 0

    async def health(self) -> Health:
        self.asked += 1
        await asyncio.sleep(self.latency_s)
        if self.error:
            raise self.error
        return Health(is_up=self.is_up, latency_s=self.latency_s)


def test_parts_are_asked_side_by_side_within_a_limit() -> None:
    """
    Three parts, one of which takes a second, one for ever and one raises: the answer is
    there after the limit, and says of each what it is.
    """

    async def story(stage: Stage) -> object:
        backend = Backend(health_timeout_s=2)
        slow, dead, bad = Patient(1.0), Patient(1e6), Patient()
        bad.error = OSError("gone")
        for name, patient in (("slow", slow), ("dead", dead), ("bad", bad)):
            backend.part(name, health=patient.health)
        backend.part("plain")
        async with backend:
            health = await backend.health()
            at_s = asyncio.get_running_loop().time()
        return at_s, health.is_ready, {k: (v.is_up, v.detail) for k, v in health.parts.items()}

    assert (
        2.0,
        False,
        {
            "slow": (True, ""),
            "dead": (False, "no answer within 2 s"),
            "bad": (False, "OSError: gone"),
            "plain": (True, ""),
        },
    ) == tell(story)


def test_answers_are_kept_for_a_moment_and_shared() -> None:
    """
    Ten at once ask a part once, and so do others within a second; then it is asked again.
    """

    async def story(stage: Stage) -> list[int]:
        backend, patient = Backend(health_ttl_s=1), Patient(0.5)
        backend.part("one", health=patient.health)
        asked = []
        async with backend:
            await asyncio.gather(*(backend.health() for _ in range(10)))
            asked.append(patient.asked)
            await asyncio.sleep(0.9)
            await backend.health()
            asked.append(patient.asked)
            await asyncio.sleep(0.2)
            await backend.health()
            asked.append(patient.asked)
        return asked

    assert [1, 1, 2] == tell(story)


def test_a_part_lost_in_the_middle_is_said_so_and_comes_back() -> None:
    """
    While a critical part does not answer the backend is live and not ready; one that is not
    critical only degrades it.
    """

    async def story(stage: Stage) -> list[tuple[bool, bool, tuple[str, ...]]]:
        backend, database, cache = Backend(health_ttl_s=0), Patient(), Patient()
        backend.part("database", health=database.health)
        backend.part("cache", health=cache.health, critical=False)
        seen = []
        async with backend:
            for database.is_up, cache.is_up in ((True, True), (True, False), (False, True)):
                health = await backend.health()
                seen.append((health.is_live, health.is_ready, health.down))
            database.is_up = True
            assert (await backend.health()).is_ready
        assert not (await backend.health()).is_live
        return seen

    assert [
        (True, True, ()),
        (True, True, ("cache",)),
        (True, False, ("database",)),
    ] == tell(story)


def test_who_asks_and_goes_away_takes_no_answer_from_others() -> None:
    """
    A question that is cancelled is answered to the others all the same.
    """

    async def story(stage: Stage) -> bool:
        backend, patient = Backend(), Patient(0.5)
        backend.part("one", health=patient.health)
        async with backend:
            first = asyncio.create_task(backend.health())
            second = asyncio.create_task(backend.health())
            await asyncio.sleep(0.1)
            first.cancel()
            return (await second).is_ready

    assert tell(story) is True


def test_numbers_of_all_parts_are_told() -> None:
    """
    In the metrics there are the backend's own numbers and those of each part that has any.
    """

    async def story(stage: Stage) -> str:
        backend, metrics = Backend(), Metrics(namespace="shop")
        stage.add(backend, "cache-1", Script(start_s=2), stats=lambda: {"a": 5})
        stage.add(backend, "redis", Script(failures=9), critical=False)
        backend.watch_in(metrics)
        async with backend:
            with backend.request():
                return prometheus_text(metrics.collect())

    page = tell(story)
    for line in (
        'shop_backend_up{part="cache-1"} 1',
        'shop_backend_up{part="redis"} 0',
        'shop_backend_start_seconds{part="cache-1"} 2.0',
        "shop_backend_start_failures_total 2",
        "shop_backend_under_way 1",
        'shop_cache_1_total{key="a"} 5',
    ):
        assert f"\n{line}\n" in page  # type: ignore[operator]


def test_what_is_no_answer_is_no_health() -> None:
    """
    A function that raises before it is awaited, and one that answers something else, make
    their part one that is down; the others' answers are there.
    """

    def broken() -> Any:
        raise OSError("gone")

    async def ping() -> Any:
        return True

    async def story(_: Stage) -> object:
        backend = Backend()
        backend.part("broken", health=broken)
        backend.part("ping", health=ping)
        backend.part("good", health=Patient().health)
        async with backend:
            parts = (await backend.health()).parts
        return {name: (health.is_up, health.detail) for name, health in parts.items()}

    assert {
        "broken": (False, "OSError: gone"),
        "ping": (False, "it answered True, which is no Health"),
        "good": (True, ""),
    } == tell(story)
