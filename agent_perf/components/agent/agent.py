"""
The request path of an agent: validate, cache, database, model and tools, events.

It knows none of them: each is a callable or a Protocol below, and what is not given is
left out.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from agent_perf.components.agent.accounts import AgentStats, Ledger
from agent_perf.components.agent.categories import RequestError, categorize
from agent_perf.components.agent.conversation import Talker
from agent_perf.components.agent.llm import Hear, Message
from agent_perf.components.agent.questions import (
    AgentPolicy,
    Answer,
    Path,
    Question,
    default_key,
    validate,
)
from agent_perf.components.agent.streaming import Pipe
from agent_perf.components.agent.tools import run_together
from agent_perf.components.agent.waves import Wave, Work
from agent_perf.components.errors import EventError
from agent_perf.components.resilience.deadline import hand_on

_log = logging.getLogger(__name__)

# Escaped, this many characters still fit into the 10 KiB that an event may carry.
_PIECE_CHARS = 1_500

Load: TypeAlias = Callable[[Question], Awaitable[Sequence[Message]]]
"""Gives what the model should know beforehand, from the database or elsewhere."""

Save: TypeAlias = Callable[[Question, str], Awaitable[object]]
"""Keeps a question and its new answer."""


class AnswerCache(Protocol):
    """Where answers are kept: a MemoryCache[str], a RedisStore[str], or yours."""

    async def get_or_set(self, key: str, compute: Callable[[], Awaitable[str]], /) -> str:
        """Return the text of *key*, or of ``compute()``, awaited once for all who ask."""


class Publish(Protocol):
    """Sends an event in the background: ``EventBatcher.publish``, or yours."""

    def __call__(self, channel: str, name: str, data: object, /) -> None:
        """Accept an event, or raise EventError."""


class Agent:
    """
    Answers questions.

    For questions with a channel it publishes ``answer.delta`` with text as it is written,
    ``tool.called``, and ``answer.done`` or ``answer.failed``. An event that cannot be
    published is counted, logged, and no reason to fail.

    Args:
        talker: The model, with its tools, retries and limits.
        cache: Where answers are kept; by default nowhere.
        key: Question to cache key; by default its text and user.
        loads: What to look up for the model, all at the same time.
        save: What to do with a new answer before it is given.
        publish: Where events go.
        policy: What it lets pass.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        agent = Agent(Talker(my_model), cache=MemoryCache[str](ttl_s=300))
        answer = await agent.ask(Question(text="How do refunds work?", user_id="17"))
    """

    def __init__(
        self,
        talker: Talker,
        *,
        cache: AnswerCache | None = None,
        key: Callable[[Question], str] = default_key,
        loads: Sequence[Load] = (),
        save: Save | None = None,
        publish: Publish | None = None,
        policy: AgentPolicy | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._talker = talker
        self._cache = cache
        self._key = key
        self._loads = tuple(loads)
        self._save = save
        self._publish = publish
        self._policy = policy or AgentPolicy()
        self._now_s = time.monotonic if clock is None else clock
        self._ledger = Ledger(talker.price, clock)
        self._waves: dict[str, Wave] = {}

    async def ask(
        self,
        question: Question,
        *,
        on_text: Hear | None = None,
        deadline_s: float | None = None,
    ) -> Answer:
        """
        Return the answer to *question*.

        Loads, tools and models can ask `time_left_s` how long they have; of work that several
        wait for it is the time of the one who waits longest.

        Args:
            question: What is asked.
            on_text: Gets the answer as it is written, and what the model says between tools;
                what was written before comes in one piece. If it gives an awaitable, the
                model is not read further until that is done.
            deadline_s: Longest time for this request, > 0, if that is less than the policy's;
                so is the time left of a `Deadline` around the call.

        Raises:
            RequestError: If there is none; its category says why, its cause what happened.
        """
        return await self._ask(self._begin(question, on_text, deadline_s))

    async def stream(
        self,
        question: Question,
        *,
        pieces_max: int = 16,
        deadline_s: float | None = None,
    ) -> AsyncIterator[str | Answer]:
        """
        Give the answer to *question* as it is written, and last the `Answer`.

        While *pieces_max* pieces lie unread the model is not read further, unless others wait
        for the same answer. The deadline goes on: it counts the reader's time too. Closing
        the iterator leaves the work to others who wait for it, and otherwise cancels it.

        Args:
            question: What is asked.
            pieces_max: Pieces that may lie unread, >= 1.
            deadline_s: As in `ask`.

        Raises:
            RequestError: As `ask` does, after the pieces that came before.

        Example::

            async with contextlib.aclosing(agent.stream(question)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        print(piece, end="")
        """
        pipe = Pipe(pieces_max, lambda: work.is_alone)
        work = self._begin(question, pipe.write, deadline_s)
        work.on_join = pipe.release
        task = asyncio.create_task(self._ask(work))
        task.add_done_callback(lambda _: pipe.close())
        try:
            async for piece in pipe.read():
                yield piece
            yield await task
        finally:
            pipe.abandon()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    def _begin(self, question: Question, on_text: Hear | None, deadline_s: float | None) -> Work:
        limit_s = self._policy.deadline_s
        if deadline_s is not None:
            limit_s = min(limit_s, deadline_s)
        return Work(question, self._listener(question, on_text), limit_s)

    async def _ask(self, work: Work) -> Answer:
        started_s = self._now_s()
        question = work.question
        try:
            text, path = await work.deadline.wait_for(self._answer(work))
        except asyncio.CancelledError:
            self._ledger.add_cancelled(self._now_s() - started_s)
            raise
        except Exception as error:
            if work.deadline.has_ended_it:
                error.add_note(f"the deadline of {work.limit_s:g} s has passed")
            failure = self._take_failure(question, error, self._now_s() - started_s)
            if failure is error:
                raise
            raise failure from error
        duration_s = self._now_s() - started_s
        self._ledger.add_answer(path, duration_s)
        self._announce(question, "answer.done", {"path": path})
        tally = work.tally
        return Answer(
            text=text,
            path=path,
            usage=tally.usage,
            cost_usd=self._talker.price.cost_usd(tally.usage),
            llm_calls=tally.llm_calls,
            tool_calls=tally.tool_calls,
            duration_s=duration_s,
        )

    def stats(self) -> AgentStats:
        """Return what all requests came to."""
        return self._ledger.stats()

    async def _answer(self, work: Work) -> tuple[str, Path]:
        validate(work.question, self._policy)
        if self._cache is None:
            return await self._compute(work), "miss"
        key = self._key(work.question)
        wave = self._waves.get(key)
        if wave is None:
            wave = self._waves[key] = Wave(work.deadline)
        wave.join(work)
        try:
            text = await self._cache.get_or_set(
                key, functools.partial(self._compute_for, wave, work)
            )
        finally:
            if wave.leave():
                del self._waves[key]
        if work.begun:
            return text, "miss"
        if work.listener:
            heard = work.listener(text)
            if inspect.isawaitable(heard):
                await heard
        return text, "joined" if wave.worked else "hit"

    async def _compute_for(self, wave: Wave, work: Work) -> str:
        wave.begin(work)
        if work.deadline is wave.deadline:
            return await self._compute(work)
        # A task of the cache's, which knows of this caller's deadline only.
        with hand_on(wave.deadline):
            return await self._compute(work)

    async def _compute(self, work: Work) -> str:
        work.begun = True
        question = work.question
        try:
            messages: list[Message] = []
            if self._loads:
                loads = [functools.partial(load, question) for load in self._loads]
                for found in await run_together(loads):
                    messages += found
            messages.append(Message(role="user", content=question.text))
            text = await self._talker.talk(
                messages,
                work.listener,
                work.tally,
                lambda call: self._announce(question, "tool.called", {"name": call.name}),
            )
            if self._save:
                await self._save(question, text)
        finally:
            self._ledger.add_work(work.tally)
        return text

    def _listener(self, question: Question, on_text: Hear | None) -> Hear | None:
        if not self._publish or question.channel is None:
            return on_text

        def hear(text: str) -> object:
            heard = on_text(text) if on_text else None
            for start in range(0, len(text), _PIECE_CHARS):
                piece = text[start : start + _PIECE_CHARS]
                self._announce(question, "answer.delta", {"text": piece})
            return heard

        return hear

    def _announce(self, question: Question, name: str, data: object) -> None:
        if self._publish and question.channel is not None:
            try:
                self._publish(question.channel, name, data)
            except EventError as error:
                self._ledger.add_dropped_event()
                _log.warning("event %s is not published: %s", name, error)

    def _take_failure(
        self, question: Question, error: Exception, duration_s: float
    ) -> RequestError:
        category = categorize(error)
        self._ledger.add_error(category, duration_s)
        self._announce(question, "answer.failed", {"category": category.value})
        if isinstance(error, RequestError):
            return error
        detail = "; ".join(filter(None, (str(error), *getattr(error, "__notes__", ()))))
        return RequestError(category, f"{type(error).__name__}: {detail}")
