"""
What need not be done again: saved by an earlier run, or in a cache that outlives runs.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from agent_perf.components.evaluation.examples import Judge, Judgement, System, digest_of
from agent_perf.components.evaluation.journal import Done, Item, Reserved
from agent_perf.components.evaluation.plan import Draft

_log = logging.getLogger(__name__)

SYSTEM_STEP = "system"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Item).decode


class ResultCache(Protocol):
    """Texts under keys, in memory, in Redis or on disk; sync or async, None for a miss."""

    def get(self, key: str, /) -> str | Awaitable[str | None] | None:
        """Return the text of *key*."""

    def set(self, key: str, value: str, /) -> object | Awaitable[object]:
        """Store *value* under *key*."""


def judge_step(judge: Judge) -> str:
    """Return how journals call the work of *judge*."""
    return f"judge {judge.name}"


class Saved:
    """
    What a journal holds.

    Attributes:
        spent_pico: Picodollars that it says were spent.
        open_pico: Those of calls that were begun, and of which nothing more is known.
        last_call: Number of the last paid call; 0 without any.
    """

    def __init__(self, lines: Iterable[Reserved | Done], note: Callable[[Done], None]) -> None:
        self.spent_pico = self.last_call = 0
        self._items: dict[tuple[str, str], Item] = {}
        open_calls: dict[int, int] = {}
        for line in lines:
            if isinstance(line, Reserved):
                open_calls[line.call] = line.bound_pico
                self.last_call = max(self.last_call, line.call)
                continue
            for call in line.calls:
                open_calls.pop(call, None)
            self.spent_pico += line.cost_pico
            note(line)
            for item in line.items:
                self._items[line.step, item.example] = item
        self.open_pico = sum(open_calls.values())

    def __call__(self, draft: Draft, judge: Judge | None) -> str | Judgement | None:
        """Return the saved answer to *draft*, or *judge*'s saved word on it; None if none."""
        step = SYSTEM_STEP if judge is None else judge_step(judge)
        item = self._items.get((step, draft.example.id))
        digest = digest_of(draft.example.input) if judge is None else draft.digest
        # An example that was changed since is another example.
        if item is None or item.digest != digest:
            return None
        return item.text if judge is None else judgement_of(item)


def judgement_of(item: Item) -> Judgement:
    """Return the judgement in *item*."""
    return Judgement(score=item.score, passed=item.passed, reason=item.text)


def item_of(draft: Draft, digest: str, result: str | Judgement) -> Item:
    """Return *result* as it is written down."""
    if isinstance(result, str):
        return Item(example=draft.example.id, digest=digest, text=result)
    return Item(
        example=draft.example.id,
        digest=digest,
        text=result.reason,
        score=result.score,
        passed=result.passed,
    )


class Recall:
    """
    Looks results up in a cache, if there is one; its failures are misses.

    Attributes:
        failures: How often it failed.
    """

    def __init__(self, cache: ResultCache | None) -> None:
        self._cache = cache
        self.failures = 0

    async def find(self, worker: System | Judge, digest: str) -> Item | None:
        """Return what *worker* said of what has *digest*."""
        if self._cache is None:
            return None
        try:
            found = self._cache.get(_key(worker, digest))
            text = await found if inspect.isawaitable(found) else found
            return None if text is None else _decode(text)
        except Exception:  # noqa: BLE001  # Counted and logged; what it held is paid for anew.
            self._note_failure()
            return None

    async def find_all(
        self, judge: Judge, drafts: Sequence[Draft]
    ) -> Sequence[tuple[Draft, Item | None]]:
        """Return *drafts*, each with what *judge* said of it."""
        if self._cache is None:
            return [(draft, None) for draft in drafts]
        found = await asyncio.gather(*(self.find(judge, draft.digest) for draft in drafts))
        return list(zip(drafts, found, strict=True))

    async def store(self, worker: System | Judge, items: Iterable[Item]) -> None:
        """Remember *items*, which *worker* said."""
        if self._cache is None:
            return
        for item in items:
            try:
                stored = self._cache.set(_key(worker, item.digest), _encode(item).decode())
                if inspect.isawaitable(stored):
                    await stored
            except Exception:  # noqa: BLE001  # Likewise; the journal and the rows have it.
                self._note_failure()

    def _note_failure(self) -> None:
        self.failures += 1
        if self.failures == 1:
            _log.warning("the cache of results fails; going on without", exc_info=True)


def _key(worker: System | Judge, digest: str) -> str:
    return f"evaluation:{digest_of(worker.name, worker.version)}:{digest}"
