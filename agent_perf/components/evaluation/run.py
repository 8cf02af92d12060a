"""
One run of an evaluation: does the steps of its plan, as many at a time as may be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from agent_perf.components.agent.categories import ErrorCategory, categorize
from agent_perf.components.evaluation.examples import (
    Example,
    Judge,
    Judgement,
    Unjudged,
    digest_of,
    is_encodable,
)
from agent_perf.components.evaluation.journal import Done, Item, Journal
from agent_perf.components.evaluation.memory import (
    SYSTEM_STEP,
    Saved,
    item_of,
    judge_step,
    judgement_of,
)
from agent_perf.components.evaluation.meter import Meter, Till
from agent_perf.components.evaluation.outcome import Account, Evaluation, Row
from agent_perf.components.evaluation.plan import Answering, Draft, Judging, Plan, Step
from agent_perf.components.evaluation.purse import PICO, Purse
from agent_perf.components.evaluation.terms import Progress, Terms

T = TypeVar("T")

_NOT_TEXT: Final = Unjudged(
    category=ErrorCategory.MODEL, message="the answer is no text, or has no UTF-8"
)

_log = logging.getLogger(__name__)


class Run:
    """
    Evaluates examples once.

    Attributes:
        unjudged: Answers and judgements that could not be had so far.
    """

    def __init__(self, terms: Terms, examples: Iterable[Example], journal: Journal | None) -> None:
        self._terms = terms
        self._journal = journal
        self._accounts = {SYSTEM_STEP: Account()}
        self._accounts |= {judge_step(judge): Account() for judge in terms.judges}
        self._saved = Saved((), self._load)
        self._plan = Plan(
            examples,
            terms.judges,
            asks=terms.system is not None,
            saved=self._find,
        )
        self._till = self._open_till()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._had = self.unjudged = 0

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        purse = self._till.purse
        return Progress(
            examples=len(self._plan.drafts),
            had=self._had,
            unjudged=self.unjudged,
            in_flight=self._till.in_flight,
            cost_usd=purse.spent_pico / PICO,
            reserved_usd=purse.reserved_pico / PICO,
        )

    async def complete(self, configuration: str) -> Evaluation:
        """Return what it comes to; see Evaluator.evaluate."""
        journal = self._journal
        if journal is None:
            return await self._complete()
        lines = journal.open(configuration)
        try:
            self._saved = Saved(lines, self._load)
            self._till = self._open_till()
            return await self._complete()
        finally:
            journal.close()

    def _open_till(self) -> Till:
        terms, saved = self._terms, self._saved
        return Till(
            purse=Purse(terms.max_cost_usd, saved.spent_pico + saved.open_pico),
            pace=terms.pace,
            retry=terms.retry,
            timeout_s=terms.timeout_s,
            clock=terms.clock,
            journal=self._journal,
            free=terms.free,
            calls=saved.last_call,
        )

    def _find(self, draft: Draft, judge: Judge | None) -> str | Judgement | None:
        return self._saved(draft, judge)

    def _load(self, done: Done) -> None:
        account = self._accounts.get(done.step)
        if account is not None:
            account.add(done)

    async def _complete(self) -> Evaluation:
        try:
            while self._start_steps():
                await self._changed.wait()
                self._changed.clear()
                while self._ended:
                    self._ended.pop().result()
        finally:
            await self._stop_steps()
        return self._evaluation()

    def _start_steps(self) -> bool:
        """Start what can be done now; return whether anything is under way."""
        loop = asyncio.get_running_loop()
        while len(self._tasks) < self._terms.concurrency:
            step = self._plan.next_step()
            if step is None:
                break
            task = loop.create_task(self._do(step))
            self._tasks.add(task)
            task.add_done_callback(self._note_end)
        return bool(self._tasks or self._ended)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended.append(task)
        self._changed.set()

    async def _stop_steps(self) -> None:
        """Cancel what is under way, and let it save what it has cost."""
        cancelled = False
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError:
                cancelled = True
        for task in self._ended:
            if not task.cancelled() and task.exception() is not None:
                _log.warning("a step failed while the run ended", exc_info=task.exception())
        if cancelled:
            raise asyncio.CancelledError

    async def _do(self, step: Step) -> None:
        meter = Meter(self._till)
        if isinstance(step, Answering):
            await self._answer(step, meter)
        else:
            await self._judge(step, meter)
        if self._terms.on_progress is not None:
            self._terms.on_progress(self.progress)

    async def _answer(self, step: Answering, meter: Meter) -> None:
        system, example = self._terms.system, step.draft.example
        assert system is not None
        digest = digest_of(example.input)
        found = await self._terms.recall.find(system, digest)
        outcome: str | Unjudged
        if found is not None:
            outcome = found.text
        else:
            outcome = await self._work(SYSTEM_STEP, meter, lambda: system.answer(example, meter))
            if not isinstance(outcome, Unjudged) and not _is_text(outcome):
                outcome = _NOT_TEXT
        if isinstance(outcome, Unjudged):
            self._settle(SYSTEM_STEP, meter, ())
        else:
            item = item_of(step.draft, digest, outcome)
            self._settle(SYSTEM_STEP, meter, (item,), 0 if found is None else 1)
            if found is None:
                await self._terms.recall.store(system, (item,))
        self._count(outcome)
        self._plan.answer(step.draft, step.index, outcome)

    async def _judge(self, step: Judging, meter: Meter) -> None:
        judge, recall = step.judge, self._terms.recall
        name = judge_step(judge)
        told: list[Item] = []
        todo: list[Draft] = []
        for draft, found in await recall.find_all(judge, step.drafts):
            if found is None:
                todo.append(draft)
                continue
            draft.judgements[judge.name] = judgement_of(found)
            told.append(item_of(draft, draft.digest, judgement_of(found)))
        new: list[Item] = []
        for draft, judgement in zip(todo, await self._judgements(judge, todo, meter), strict=True):
            draft.judgements[judge.name] = judgement
            if isinstance(judgement, Judgement):
                new.append(item_of(draft, draft.digest, judgement))
        self._settle(name, meter, (*told, *new), len(told))
        for draft in step.drafts:
            self._count(draft.judgements[judge.name])
        await recall.store(judge, new)

    async def _judgements(
        self, judge: Judge, drafts: Sequence[Draft], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        if not drafts:
            return ()
        attempts = [draft.attempt for draft in drafts if draft.attempt is not None]
        assert len(attempts) == len(drafts), "only what has an answer is judged"
        result = await self._work(judge_step(judge), meter, lambda: judge.judge(attempts, meter))
        if isinstance(result, Unjudged):
            return [result] * len(drafts)
        said = _judgements_in(result)
        if len(said) != len(drafts):
            message = f"judge {judge.name!r} said {len(said)} things of {len(drafts)} attempts"
            _log.error("%s: none is used", message)
            return [Unjudged(category=ErrorCategory.INTERNAL, message=message)] * len(drafts)
        return said

    async def _work(
        self, name: str, meter: Meter, call: Callable[[], Awaitable[T]]
    ) -> T | Unjudged:
        """Return what ``call()`` returns, or why it did not; a cancelled call is settled."""
        try:
            return await call()
        except Exception as error:  # Logged if nobody foresaw it, and in the row.
            if self._journal is not None and self._journal.is_broken:
                raise
            category = categorize(error)
            if category is ErrorCategory.INTERNAL:
                _log.exception("%s failed", name)
            return Unjudged(category=category, message=f"{type(error).__name__}: {error}")
        except BaseException:
            self._settle(name, meter, ())
            raise

    def _settle(self, name: str, meter: Meter, items: Sequence[Item], found: int = 0) -> None:
        done = meter.settled(name, items, found)
        self._accounts[name].add(done)
        self._terms.note(done)
        if self._journal is not None:
            self._journal.append(done)

    def _count(self, outcome: str | Judgement | Unjudged) -> None:
        if isinstance(outcome, Unjudged):
            self.unjudged += 1
        else:
            self._had += 1

    def _evaluation(self) -> Evaluation:
        terms, purse = self._terms, self._till.purse
        judging = {judge.name: self._accounts[judge_step(judge)] for judge in terms.judges}
        accounts = [self._accounts[SYSTEM_STEP], *judging.values()]
        assumed_pico = self._saved.open_pico + sum(one.assumed_pico for one in accounts)
        return Evaluation(
            system="" if terms.system is None else terms.system.name,
            rows=tuple(row_of(draft) for draft in self._plan.drafts),
            answering=accounts[0].totals(),
            judging={name: account.totals() for name, account in judging.items()},
            cost_usd=purse.spent_pico / PICO,
            assumed_usd=assumed_pico / PICO,
            overrun_usd=purse.overrun_pico / PICO,
        )


def _is_text(outcome: object) -> bool:
    # Systems are others' code, and types are not checked while they run.
    return isinstance(outcome, str) and is_encodable(outcome)


def _judgements_in(result: object) -> Sequence[Judgement | Unjudged]:
    items = result if isinstance(result, list | tuple) else ()
    return [one for one in items if isinstance(one, Judgement | Unjudged)]


def row_of(draft: Draft) -> Row:
    """Return the row of a *draft* that has come to its end."""
    if draft.attempt is None:
        assert draft.unanswered is not None
        return Row(example=draft.example, output=draft.unanswered, judgements={})
    return Row(example=draft.example, output=draft.attempt.output, judgements=draft.judgements)
