"""
What the model answers, in the chat-completions wire format: whole, or in chunks.

Source: OpenAI API reference, "Chat completion object" and "Chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from agent_perf.sim.services.llm.api import Head, Limit, Usage
from agent_perf.sim.services.llm.chat_request import parse_chat
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.openai_errors import check_post, error_reply, limit_headers
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.sim.services.llm.speech import Piece, Spoken, pieces_of
from agent_perf.sim.services.llm.turns import Finish
from agent_perf.sim.services.reply import Reply, SimRequest

_DONE: Final = b"data: [DONE]\n\n"
_ROLE: Final = b'{"role":"assistant","content":"","refusal":null}'
_ROLE_OF_CALLS: Final = b'{"role":"assistant","content":null}'
# Stands for the answer's id in what is kept from one answer to the next: JSON has no raw NUL.
_ID: Final = b"\x00"


class ChatApi:
    """``POST /v1/chat/completions``."""

    def read(self, request: SimRequest) -> ChatCall:
        """Return what *request* asks; raises Refusal."""
        check_post(request)
        return ChatCall(chat=parse_chat(request.content))

    def error(self, refusal: Refusal) -> Reply:
        """Return the answer that says *refusal*."""
        return error_reply(refusal)

    def limit_headers(self, limits: Mapping[str, Limit]) -> tuple[tuple[str, str], ...]:
        """Return how OpenAI tells the state of its rate limits."""
        return limit_headers(limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """One request for a chat completion."""

    chat: ChatRequest
    cache_marks: tuple[int, ...] | None = None

    def whole(self, head: Head, spoken: Spoken, usage: Usage) -> bytes:
        """Return the body of an answer in one piece."""
        return (
            b'{%b,"choices":[{"index":0,"message":%b,"logprobs":null,"finish_reason":"%b"}],%b}'
            % (
                _head_fields(head, b"chat.completion"),
                _message(spoken).replace(_ID, head.reply_id.encode()),
                _finish(spoken),
                _usage(usage),
            )
        )

    def chunks(self, head: Head, spoken: Spoken, usage: Usage) -> list[bytes]:
        """Return what the stream sends, one item for each piece."""
        wants_usage = self.chat.wants_usage
        fields = _head_fields(head, b"chat.completion.chunk")
        # With usage asked for, all chunks but the last one say null.
        tail = b',"usage":null}\n\n' if wants_usage else b"}\n\n"
        begin = b'data: {%b,"choices":[{"index":0,"delta":' % fields
        end = b',"logprobs":null,"finish_reason":null}]' + tail
        deltas = _deltas(spoken)
        chunks = [begin + delta + end for delta in deltas]
        if spoken.calls:
            reply_id = head.reply_id.encode()
            chunks = [chunk.replace(_ID, reply_id) for chunk in chunks]
        role = _ROLE_OF_CALLS if spoken.calls and not spoken.content else _ROLE
        chunks[0] = begin + role + end + chunks[0]
        closing = b'%b{},"logprobs":null,"finish_reason":"%b"}]%b' % (begin, _finish(spoken), tail)
        if wants_usage:
            closing += b'data: {%b,"choices":[],%b}\n\n' % (fields, _usage(usage))
        chunks[-1] += closing + _DONE
        return chunks

    def finished(self, head: Head, spoken: Spoken) -> None:
        """Keep nothing: the client sends the conversation again."""


@lru_cache(maxsize=256)
def _deltas(spoken: Spoken) -> tuple[bytes, ...]:
    says = b"refusal" if spoken.finish is Finish.REFUSAL else b"content"
    return tuple(_delta(piece, spoken, says) for piece in pieces_of(spoken))


def _delta(piece: Piece, spoken: Spoken, says: bytes) -> bytes:
    index = piece.call_index
    if index is None:
        return b'{"%b":%b}' % (says, _json(piece.text))
    if not piece.opens:
        return _json({"tool_calls": [{"index": index, "function": {"arguments": piece.text}}]})
    return b'{"tool_calls":[{"index":%d,%b}]}' % (index, _call(index, spoken.calls[index].name, ""))


@lru_cache(maxsize=256)
def _message(spoken: Spoken) -> bytes:
    refuses = spoken.finish is Finish.REFUSAL
    content = None if refuses or (spoken.calls and not spoken.content) else spoken.content
    refusal = spoken.content if refuses else None
    fields = b'"role":"assistant","content":%b,"refusal":%b' % (_json(content), _json(refusal))
    if spoken.calls:
        calls = [
            b"{%b}" % _call(index, call.name, call.arguments)
            for index, call in enumerate(spoken.calls)
        ]
        fields += b',"tool_calls":[%b]' % b",".join(calls)
    return b"{%b}" % fields


def _call(index: int, name: str, arguments: str) -> bytes:
    function = _json({"name": name, "arguments": arguments})
    return b'"id":"call_%b%d","type":"function","function":%b' % (_ID, index, function)


def _finish(spoken: Spoken) -> bytes:
    if spoken.calls:
        return b"tool_calls"
    return _FINISHES[spoken.finish]


_FINISHES: Final = {
    Finish.STOP: b"stop",
    Finish.LENGTH: b"length",
    Finish.CONTENT_FILTER: b"content_filter",
    Finish.REFUSAL: b"stop",
}


def _head_fields(head: Head, kind: bytes) -> bytes:
    return b'"id":"chatcmpl-%b","object":"%b","created":%d,"model":%b' % (
        head.reply_id.encode(),
        kind,
        head.created_s,
        _json(head.model),
    )


def _usage(usage: Usage) -> bytes:
    return (
        b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        b'"prompt_tokens_details":{"cached_tokens":%d}}'
        % (usage.prompt, usage.output, usage.prompt + usage.output, usage.cached)
    )


_json: Final = msgspec.json.Encoder().encode
