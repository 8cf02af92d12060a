"""
Asks two services in turn, step by step, until one answer is sure.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.asking import Asker
from agent_perf.live.canary.blocks import Step
from agent_perf.live.canary.judge import StepJudge
from agent_perf.live.canary.plan import CanaryPlan
from agent_perf.live.canary.result import CanaryResult, SideSeen, StepResult
from agent_perf.live.canary.rule import Answer, Finding, look_misses, look_times
from agent_perf.live.canary.step_log import REQUESTS_MAX, StepLog
from agent_perf.live.canary.stopping import NothingSeenError, unless_set
from agent_perf.live.request import ReadyRequest
from agent_perf.scrubbing import scrubbed

CONNECTIONS_MAX: Final = 250
"""To each service: a process may usually open a thousand files."""

_WARM_REQUESTS_MIN: Final = 5
"""Fewer that all fail may be the service's first moments."""

_LATE_S: Final = 0.05
"""A request in a hundred that is sent later than this says that we are too busy to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    The two services.

    Attributes:
        stable_url: Where the one is that serves now.
        candidate_url: Where the one is that may take its place.
        requests: What is asked, by weight; at least one.
    """

    stable_url: str
    candidate_url: str
    requests: Sequence[ReadyRequest]


Tell = Callable[[int, float, tuple[Finding, ...]], None]
"""Is told at each look the step's number, the seconds since it began, and what was found."""


async def roll_out(
    plan: CanaryPlan, pair: Pair, tell: Tell, stop: asyncio.Event | None = None
) -> CanaryResult:
    """
    Return what *plan* comes to on *pair*.

    Args:
        plan: What to do.
        pair: The services.
        tell: Is told of each look.
        stop: When it is set, what was found until then is the result.

    Raises:
        UsageError: If a step is too short or has too many requests.
        BrokenError: If the stable service answers nothing: there is nothing to compare with.
        NothingSeenError: If *stop* was set before anything counted.
    """
    _refuse_too_many(plan)
    stop = stop or asyncio.Event()
    steps: list[StepResult] = []
    async with (
        Asker(pair.stable_url, connections_max=CONNECTIONS_MAX) as stable,
        Asker(pair.candidate_url, connections_max=CONNECTIONS_MAX) as candidate,
    ):
        askers = (stable, candidate)
        if plan.warm_up_s:
            await unless_set(stop, _warm_up(plan, askers, pair))
        for number, step in plan.chosen:
            if stop.is_set():
                break
            made = await _make_step(plan, number, step, askers, pair, tell, stop)
            if made.stable.requests + made.candidate.requests:
                steps.append(made)
            if made.answer is Answer.WORSE:
                break
    if not steps:
        raise NothingSeenError("interrupted before anything was measured")
    last = steps[-1].answer
    is_decided = last is Answer.WORSE or (last is Answer.FINE and len(steps) == len(plan.chosen))
    return CanaryResult(
        stable=scrubbed(pair.stable_url),
        candidate=scrubbed(pair.candidate_url),
        steps=tuple(steps),
        planned=len(plan.chosen),
        is_interrupted=stop.is_set() and not is_decided,
    )


def _refuse_too_many(plan: CanaryPlan) -> None:
    if plan.warm_up_s * plan.steps[0].rate_hz > REQUESTS_MAX:
        raise UsageError(
            f"a warm-up of {plan.warm_up_s:g} s at {plan.steps[0].rate_hz:g}/s; want at most "
            f"{REQUESTS_MAX:,} requests: a lower --rate, or a shorter --warm-up"
        )
    for _, step in plan.chosen:
        look_times(step.length_s)
        if step.length_s * step.total_hz > REQUESTS_MAX:
            raise UsageError(
                f"a step of {step.length_s:g} s at {step.total_hz:g}/s; want at most "
                f"{REQUESTS_MAX:,} requests: a lower --rate, or less time"
            )


async def _warm_up(plan: CanaryPlan, askers: tuple[Asker, Asker], pair: Pair) -> None:
    step = Step(share=0.5, length_s=plan.warm_up_s, rate_hz=plan.steps[0].rate_hz)
    log = StepLog(step, plan.seed)
    async with asyncio.TaskGroup() as group:
        await _Sender(log, askers, pair.requests, plan.seed).send(group)
    stable = log.side(log.answered_count(), candidate=False)
    # A wrong address is told now, and not after the first look.
    if stable.requests >= _WARM_REQUESTS_MIN and (broken := _why_broken(stable, pair.stable_url)):
        raise BrokenError(broken)


async def _make_step(
    plan: CanaryPlan,
    number: int,
    step: Step,
    askers: tuple[Asker, Asker],
    pair: Pair,
    tell: Tell,
    stop: asyncio.Event,
) -> StepResult:
    seed = plan.seed * 1_000 + number
    log = StepLog(step, seed)
    times = look_times(step.length_s)
    judge = StepJudge(plan.limits, look_misses(times, plan.tests))
    count = 0
    broken = outage = ""
    till_s = 0.0
    are_errors_judged = any(limit.quantile is None for limit in plan.limits)
    sender = _Sender(log, askers, pair.requests, seed)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(sender.send(group))
        for look, look_s in enumerate(times):
            answered = await unless_set(stop, log.answered(look_s))
            if answered is None:
                # Nothing more is judged: a look that was not planned has no share of the error.
                count = log.answered_count()
                till_s = count / step.total_hz
                break
            count, till_s = answered, look_s
            await asyncio.to_thread(judge.look, look, *log.seen(count, till_s))
            tell(number, till_s, judge.findings)
            broken = _why_broken(log.side(count, candidate=False), pair.stable_url)
            outage = log.outage(count) if are_errors_judged else ""
            if broken or outage or judge.answer is not Answer.OPEN:
                break
        # What is still under way would tell nothing more.
        sending.cancel()
        sender.cancel()
    if broken:
        raise BrokenError(broken)
    late_s = log.late_s(count)
    return StepResult(
        number=number,
        share=step.share,
        answer=Answer.WORSE if outage else judge.answer,
        length_s=till_s,
        stable=log.side(count, candidate=False),
        candidate=log.side(count, candidate=True),
        findings=judge.findings,
        late_s=late_s,
        notes=(*([outage] if outage else []), *_notes(late_s)),
    )


class _Sender:
    """Sends the requests of one step, each at its time, whatever became of those before."""

    def __init__(
        self,
        log: StepLog,
        askers: tuple[Asker, Asker],
        requests: Sequence[ReadyRequest],
        seed: int,
    ) -> None:
        self._log = log
        self._askers = askers
        self._requests = requests
        self._dice = random.Random(f"requests {seed}")
        self._flying: set[asyncio.Task[None]] = set()

    async def send(self, group: asyncio.TaskGroup) -> None:
        """Return when the last request is sent; its answer is for *group* to wait for."""
        begin_s = time.perf_counter()
        weights = [request.weight for request in self._requests]
        for index, at_s in enumerate(self._log.due_s.tolist()):
            due_s = begin_s + at_s
            if (wait_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            request = self._dice.choices(self._requests, weights)[0]
            asker = self._askers[int(self._log.is_candidate[index])]
            task = group.create_task(self._ask(asker, request, index, due_s))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    def cancel(self) -> None:
        """Give up what is under way."""
        for task in self._flying:
            task.cancel()

    async def _ask(self, asker: Asker, request: ReadyRequest, index: int, due_s: float) -> None:
        self._log.note(index, await asker.ask(request), due_s)


def _why_broken(stable: SideSeen, url: str) -> str:
    """Return why nothing can be told: the stable service answers nothing; empty if it does."""
    if stable.failed < stable.requests or not stable.requests:
        return ""
    return (
        f"the stable service at {scrubbed(url)} answered none of {stable.requests} requests as it "
        f"should ({stable.detail}): there is nothing to compare the candidate with"
    )


def _notes(late_s: float) -> tuple[str, ...]:
    if late_s <= _LATE_S:
        return ()
    note = (
        f"one request in a hundred was sent {late_s * 1e3:.0f} ms late or more: this machine is "
        "too busy for the rate, and both services look slower than they are; lower --rate"
    )
    return (note,)
