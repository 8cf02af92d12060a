"""
The request path of an agent: validate, cache, database, model and tools, events.

It knows none of them: each is a callable or a Protocol below, and what is not given is
left out.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from agent_perf.components.accounts import AgentStats, Ledger
from agent_perf.components.categories import RequestError, categorize
from agent_perf.components.conversation import Talker, Tally
from agent_perf.components.errors import EventError
from agent_perf.components.llm import Message
from agent_perf.components.questions import (
    AgentPolicy,
    Answer,
    Path,
    Question,
    default_key,
    validate,
)
from agent_perf.components.tools import run_together

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
        self._ledger = Ledger(talker.price)
        self._waves: dict[str, _Wave] = {}

    async def ask(
        self, question: Question, *, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        """
        Return the answer to *question*.

        Args:
            question: What is asked.
            on_text: Gets the answer as it is written, and what the model says between tools;
                what was written before comes in one piece.

        Raises:
            RequestError: If there is none; its category says why, its cause what happened.
        """
        started_s = self._now_s()
        work = _Work(question, self._listener(question, on_text))
        try:
            async with asyncio.timeout(self._policy.deadline_s) as deadline:
                text, path = await self._answer(work)
        except asyncio.CancelledError:
            self._ledger.add_cancelled(self._now_s() - started_s)
            raise
        except Exception as error:
            if deadline.expired():
                error.add_note(f"the deadline of {self._policy.deadline_s} s has passed")
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

    async def _answer(self, work: _Work) -> tuple[str, Path]:
        validate(work.question, self._policy)
        if self._cache is None:
            return await self._compute(work), "miss"
        key = self._key(work.question)
        wave = self._waves.setdefault(key, _Wave())
        wave.members += 1
        try:
            text = await self._cache.get_or_set(
                key, functools.partial(self._compute_for, wave, work)
            )
        finally:
            wave.members -= 1
            if not wave.members:
                del self._waves[key]
        if work.begun:
            return text, "miss"
        if work.listener:
            work.listener(text)
        return text, "joined" if wave.worked else "hit"

    async def _compute_for(self, wave: _Wave, work: _Work) -> str:
        wave.worked = True
        return await self._compute(work)

    async def _compute(self, work: _Work) -> str:
        work.begun = True
        question = work.question
        try:
            found = await run_together([functools.partial(load, question) for load in self._loads])
            messages = [message for part in found for message in part]
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

    def _listener(
        self, question: Question, on_text: Callable[[str], None] | None
    ) -> Callable[[str], None] | None:
        if not self._publish or question.channel is None:
            return on_text

        def hear(text: str) -> None:
            if on_text:
                on_text(text)
            for start in range(0, len(text), _PIECE_CHARS):
                piece = text[start : start + _PIECE_CHARS]
                self._announce(question, "answer.delta", {"text": piece})

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


class _Work:
    """One request: what it asks, who listens, and what it has cost."""

    __slots__ = ("begun", "listener", "question", "tally")

    def __init__(self, question: Question, listener: Callable[[str], None] | None) -> None:
        self.question = question
        self.listener = listener
        self.tally = Tally()
        self.begun = False


class _Wave:
    """The requests under way with one cache key."""

    __slots__ = ("members", "worked")

    def __init__(self) -> None:
        self.members = 0
        self.worked = False
