"""
Asks one service after the other, as a plan says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_perf.live.calibration.collected import Collected
from agent_perf.live.calibration.http_service import collect_http
from agent_perf.live.calibration.model_service import collect_model
from agent_perf.live.calibration.plan import Wanted
from agent_perf.live.calibration.postgres_service import collect_postgres
from agent_perf.live.calibration.redis_service import collect_redis
from agent_perf.live.calibration.sampling import Sampler
from agent_perf.live.calibration.spending import Purse


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    What came of a calibration.

    Attributes:
        collected: Latencies by operation, in the order in which they were asked for.
        spent_nanousd: What the model's answers cost, at the most.
        is_cut_off: Whether the limit of dollars ended it.
    """

    collected: tuple[Collected, ...]
    spent_nanousd: int = 0
    is_cut_off: bool = False


async def measure_services(
    wanted: Wanted,
    sampler: Sampler,
    keep: Callable[[Sequence[Collected]], None] = lambda _: None,
) -> Measured:
    """
    Return the latencies of what is *wanted*; a plan of it says whether that may be asked.

    Args:
        wanted: What is to be measured.
        sampler: How often, and how many times.
        keep: Called with those of each service when it is done: the next one may break.

    Raises:
        UsageError: If a URL is of another kind of service, or a client is not installed.
        BrokenError: If a service cannot be reached, or refuses.
    """
    found: list[Collected] = []

    def done(collected: Sequence[Collected]) -> None:
        found.extend(collected)
        keep(collected)

    if wanted.redis:
        done(await collect_redis(wanted.redis, sampler))
    if wanted.database:
        done(await collect_postgres(wanted.database, sampler, wanted.statements))
    if wanted.http:
        done(await collect_http(wanted.http, wanted.requests, sampler))
    if wanted.model is None:
        return Measured(collected=tuple(found))
    purse = Purse(wanted.max_cost_usd, wanted.model.price)
    answers = await collect_model(wanted.model, sampler, purse)
    done(answers.collected)
    return Measured(
        collected=tuple(found),
        spent_nanousd=answers.spent_nanousd,
        is_cut_off=answers.is_cut_off,
    )
