"""
Which part of a prompt the endpoint has seen lately, and bills less for.

Sources: OpenAI, guide "Prompt caching" (from 1,024 tokens, in steps of 128, for five minutes
of silence and more); Anthropic, guide "Prompt caching" (up to marked blocks, from 1,024
tokens, five minutes).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from agent_perf.sim.services.llm.conversation import BYTES_PER_TOKEN, ChatRequest
from agent_perf.units import NS

CACHED_FROM_TOKENS: Final = 1024
"""Shorter prompts are not cached."""

_STEP: Final = 128
_KEPT_NS: Final = 300 * NS
_PREFIXES_KEPT: Final = 50_000


class PromptCache:
    """The beginnings of conversations, by model, each kept for five minutes after its use."""

    def __init__(self) -> None:
        self._until_ns: dict[bytes, int] = {}

    def read(
        self, chat: ChatRequest, marks: tuple[int, ...] | None, now_ns: int
    ) -> tuple[int, int]:
        """
        Return how many tokens of the prompt are read from the cache, and how many are written.

        Args:
            chat: The conversation, of CACHED_FROM_TOKENS tokens or more.
            marks: After how many messages it is to be cached; None: wherever it helps, in
                steps, and writing costs nothing extra.
            now_ns: Virtual time.
        """
        if marks == ():
            return 0, 0
        prefixes = _prefixes(chat)
        kept = range(len(prefixes)) if marks is None else marks
        read = 0
        for index in kept:
            digest, tokens = prefixes[index]
            if tokens < CACHED_FROM_TOKENS:
                continue
            if self._until_ns.pop(digest, -1) >= now_ns:
                read = tokens
            self._until_ns[digest] = now_ns + _KEPT_NS
        self._forget()
        if marks is None:
            return read // _STEP * _STEP, 0
        longest = prefixes[marks[-1]][1]
        return read, longest - read if longest >= CACHED_FROM_TOKENS else 0

    def _forget(self) -> None:
        # Oldest use first, for a use moves to the end.
        for digest in list(self._until_ns)[: max(0, len(self._until_ns) - _PREFIXES_KEPT)]:
            del self._until_ns[digest]


def _prefixes(chat: ChatRequest) -> list[tuple[bytes, int]]:
    """Return a digest and the length in tokens of the tools, and then of each more message."""
    tools = bytes(chat.tools)
    size_bytes = 0 if tools == b"null" else len(tools)
    digest = blake2b(chat.model.encode() + b"\0" + tools, digest_size=16)
    prefixes = [(digest.digest(), -(-size_bytes // BYTES_PER_TOKEN))]
    for message in chat.messages:
        digest.update(msgspec.json.encode(message))
        size_bytes += message.size_bytes()
        prefixes.append((digest.digest(), -(-size_bytes // BYTES_PER_TOKEN)))
    return prefixes
