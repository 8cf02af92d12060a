"""
What a calibration is going to ask, of whom, how often, and for how many dollars at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.live.calibration.fitting import SAMPLES_MIN
from agent_perf.live.calibration.model_service import MODEL_WARM_UP_COUNT, ModelQuestion
from agent_perf.live.calibration.sampling import WARM_UP_COUNT
from agent_perf.live.calibration.telling import shown
from agent_perf.live.hosts import is_loopback, require_allowed
from agent_perf.live.request import ReadyRequest
from agent_perf.units import NS

_PURPOSE: Final = "asking questions"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """
    What is to be measured. It holds passwords: do not store, show or log it.

    Attributes:
        redis: URL; empty: none.
        database: Likewise.
        statements: Asked of the database in turns; empty: ``SELECT 1``.
        http: URL; empty: none.
        requests: Asked of that in turns.
        model: None: none.
        rate_hz: Questions a second at most, > 0.
        count: Latencies of each kind.
        max_cost_usd: Dollars that the model's answers may cost.
    """

    redis: str = ""
    database: str = ""
    statements: tuple[str, ...] = ()
    http: str = ""
    requests: tuple[ReadyRequest, ...] = ()
    model: ModelQuestion | None = None
    rate_hz: float
    count: int
    max_cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    Questions of one kind to one service.

    Attributes:
        url: As people may see it.
        host: Its name.
        what: What is asked.
        count: How many times at most, those that are forgotten among them.
        most_nanousd: What that may cost.
    """

    url: str
    host: str
    what: str
    count: int
    most_nanousd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    All steps, in order.

    Attributes:
        steps: At least one.
        rate_hz: Questions a second at most, over all steps.
    """

    steps: tuple[Step, ...]
    rate_hz: float

    @property
    def least_s(self) -> float:
        """How long it takes at that rate, if all answers are quick."""
        return sum(step.count for step in self.steps) / self.rate_hz

    @property
    def most_usd(self) -> float:
        """The most that it may cost."""
        return sum(step.most_nanousd for step in self.steps) / NS

    @property
    def needs_consent(self) -> bool:
        """Whether somebody has to agree: it costs, or asks what is not on this machine."""
        return self.most_usd > 0 or not all(is_loopback(step.host) for step in self.steps)


def plan_of(wanted: Wanted, allowed: Iterable[str]) -> Plan:
    """
    Return what *wanted* comes to.

    Args:
        wanted: What is to be measured.
        allowed: Names of hosts other than this machine that may be asked.

    Raises:
        UsageError: If it asks nothing, too little, or a host that is not allowed.
    """
    if wanted.count < SAMPLES_MIN:
        raise UsageError(f"--count {wanted.count}: a P95 wants {SAMPLES_MIN} latencies")
    names = tuple(allowed)
    steps = (*_services(wanted, names), *_model(wanted, names))
    if not steps:
        raise UsageError("name a service: --redis, --database, --http or --model")
    return Plan(steps=steps, rate_hz=wanted.rate_hz)


def _services(wanted: Wanted, allowed: tuple[str, ...]) -> Iterator[Step]:
    statements = (
        f"{len(wanted.statements)} statements in turns" if wanted.statements else "SELECT 1"
    )
    requests = ", ".join(f"{one.method} {one.name}" for one in wanted.requests)
    for url, connect, question in (
        (wanted.redis, "open a connection", "GET of a key that is not there"),
        (
            wanted.database,
            "open a connection",
            f"{statements}, in a read-only transaction that is rolled back",
        ),
        (wanted.http, "open a connection", requests),
    ):
        if url:
            host = require_allowed(url, allowed, _PURPOSE)
            count = wanted.count + WARM_UP_COUNT
            for what in (connect, question):
                yield Step(url=shown(url), host=host, what=what, count=count)


def _model(wanted: Wanted, allowed: tuple[str, ...]) -> Iterator[Step]:
    model = wanted.model
    if model is None:
        return
    host = require_allowed(model.url, allowed, _PURPOSE)
    count = wanted.count + MODEL_WARM_UP_COUNT
    each_nanousd = model.price.cost_nanousd(len(model.content(wanted.count)), model.tokens_max)
    limit_nanousd = int(wanted.max_cost_usd * NS)
    if each_nanousd * (SAMPLES_MIN + MODEL_WARM_UP_COUNT) > limit_nanousd:
        need_usd = each_nanousd * (SAMPLES_MIN + MODEL_WARM_UP_COUNT) / NS
        raise UsageError(
            f"--max-cost {wanted.max_cost_usd:g} is less than {SAMPLES_MIN} answers of "
            f"{model.model!r} may cost, ${need_usd:.4f}: nothing would come of it; raise it, or "
            "lower --model-tokens"
        )
    yield Step(
        url=shown(model.url),
        host=host,
        what=f"one short question to {model.model}, {model.tokens_max} tokens of answer at most",
        count=count,
        most_nanousd=min(each_nanousd * count, limit_nanousd),
    )
