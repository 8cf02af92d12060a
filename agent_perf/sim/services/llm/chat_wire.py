"""
What the model answers, in the chat-completions wire format: whole, or in chunks.

Source: OpenAI API reference, "Chat completion object" and "Chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from agent_perf.sim.services.llm.chat_request import BYTES_PER_TOKEN, Refusal
from agent_perf.sim.services.llm.turns import Failure, ToolCall
from agent_perf.sim.services.reply import Reply, json_reply

SSE_HEADERS: Final = (("content-type", "text/event-stream; charset=utf-8"),)
_DONE: Final = b"data: [DONE]\n\n"
_ROLE: Final = b'{"role":"assistant","content":"","refusal":null}'
_ROLE_OF_CALLS: Final = b'{"role":"assistant","content":null}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """
    What the model says in one answer, cut as a stream sends it.

    Attributes:
        message: The whole assistant message; JSON.
        role: The delta that opens a stream; JSON.
        deltas: The others, in their order; JSON.
        tokens: How many each of *deltas* has.
        finish: ``stop``, ``length`` or ``tool_calls``.
    """

    message: bytes
    role: bytes
    deltas: tuple[bytes, ...]
    tokens: tuple[int, ...]
    finish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """
    What all parts of one answer repeat.

    Attributes:
        reply_id: Unique per answer.
        created_s: Unix time.
        model: As it was asked for.
    """

    reply_id: str
    created_s: int
    model: str


@lru_cache(maxsize=256)
def text_speech(content: str, tokens: int, tokens_per_chunk: int, *, cut: bool) -> Speech:
    """
    Return the speech of *content*, which counts as *tokens* >= 0 tokens.

    The first chunk has one token, the others *tokens_per_chunk*, the last what is left.
    Cuts lie between code points, so that no chunk has half a character.
    """
    parts = _cut(content, tokens, 1, tokens_per_chunk)
    return Speech(
        message=b'{"role":"assistant","content":%b,"refusal":null}' % _json(content),
        role=_ROLE,
        deltas=tuple(b'{"content":%b}' % _json(part) for part, _ in parts),
        tokens=tuple(size for _, size in parts),
        finish="length" if cut else "stop",
    )


def calls_speech(calls: Sequence[ToolCall], reply_id: str, tokens_per_chunk: int) -> Speech:
    """
    Return the speech that makes *calls*, at least one.

    Each call begins with a chunk that names the tool; its arguments follow in chunks of
    *tokens_per_chunk* tokens.
    """
    whole: list[object] = []
    deltas: list[bytes] = []
    tokens: list[int] = []
    for index, call in enumerate(calls):
        call_id = f"call_{reply_id}{index}"
        named = {"name": call.name, "arguments": ""}
        opening = {"index": index, "id": call_id, "type": "function", "function": named}
        deltas.append(_json({"tool_calls": [opening]}))
        tokens.append(token_count(call.name))
        length = token_count(call.arguments)
        for part, size in _cut(call.arguments, length, tokens_per_chunk, tokens_per_chunk):
            deltas.append(
                _json({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
            )
            tokens.append(size)
        function = {"name": call.name, "arguments": call.arguments}
        whole.append({"id": call_id, "type": "function", "function": function})
    return Speech(
        message=_json({"role": "assistant", "content": None, "refusal": None, "tool_calls": whole}),
        role=_ROLE_OF_CALLS,
        deltas=tuple(deltas),
        tokens=tuple(tokens),
        finish="tool_calls",
    )


def token_count(content: str) -> int:
    """Return how many tokens *content* counts as: its UTF-8 bytes / BYTES_PER_TOKEN, rounded up."""
    return -(-len(content.encode()) // BYTES_PER_TOKEN)


def completion(head: Head, speech: Speech, prompt_tokens: int) -> bytes:
    """Return the body of an answer in one piece."""
    return b'{%b,"choices":[{"index":0,"message":%b,"logprobs":null,"finish_reason":"%b"}],%b}' % (
        _head_fields(head, b"chat.completion"),
        speech.message,
        speech.finish.encode(),
        _usage(prompt_tokens, sum(speech.tokens)),
    )


def stream_chunks(
    head: Head, speech: Speech, prompt_tokens: int, *, wants_usage: bool
) -> list[bytes]:
    """
    Return what the stream sends, one item per instant: at least one.

    The opening event travels with the first delta, and the closing ones with the last.
    """
    fields = _head_fields(head, b"chat.completion.chunk")
    # With usage asked for, all chunks but the last one say null.
    tail = b',"usage":null}\n\n' if wants_usage else b"}\n\n"
    begin = b'data: {%b,"choices":[{"index":0,"delta":' % fields
    end = b',"logprobs":null,"finish_reason":null}]' + tail
    chunks = [b"%b%b%b" % (begin, delta, end) for delta in speech.deltas] or [b""]
    chunks[0] = begin + speech.role + end + chunks[0]
    closing = b'%b{},"logprobs":null,"finish_reason":"%b"}]%b' % (
        begin,
        speech.finish.encode(),
        tail,
    )
    if wants_usage:
        usage = _usage(prompt_tokens, sum(speech.tokens))
        closing += b'data: {%b,"choices":[],%b}\n\n' % (fields, usage)
    chunks[-1] += closing + _DONE
    return chunks


def error_reply(refusal: Refusal) -> Reply:
    """Return the answer that says *refusal*."""
    reply = json_reply(
        {
            "error": {
                "message": refusal.message,
                "type": refusal.kind,
                "param": refusal.param,
                "code": refusal.code,
            }
        },
        status=refusal.status,
    )
    wait_s = refusal.retry_after_s
    if wait_s is None:
        return reply
    wait = str(int(wait_s) if wait_s == int(wait_s) else wait_s)
    headers = {"content-type": "application/json", "retry-after": wait}
    return Reply(status=reply.status, headers=headers, content=reply.content)


_KINDS: Final = {401: "authentication_error", 403: "permission_error", 429: "requests"}
_WORDS: Final = {
    401: "Incorrect API key provided.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
}


def refusal_of(turn: Failure) -> Refusal:
    """Return what the API says in a turn that fails."""
    kind = "server_error" if turn.status >= 500 else "invalid_request_error"
    return Refusal(
        turn.status,
        _WORDS.get(turn.status, f"Simulated failure with status {turn.status}."),
        kind=_KINDS.get(turn.status, kind),
        code="rate_limit_exceeded" if turn.status == 429 else None,
        retry_after_s=turn.retry_after_s,
    )


def _cut(content: str, tokens: int, first: int, others: int) -> list[tuple[str, int]]:
    """Return *content* in parts of *first* and then *others* tokens, with their sizes."""
    ends = [*range(first, tokens, others), tokens] if tokens else []
    parts, low, begin = [], 0, 0
    for end in ends:
        high = len(content) * end // tokens
        parts.append((content[low:high], end - begin))
        low, begin = high, end
    return parts


def _head_fields(head: Head, kind: bytes) -> bytes:
    return b'"id":"chatcmpl-%b","object":"%b","created":%d,"model":%b' % (
        head.reply_id.encode(),
        kind,
        head.created_s,
        _json(head.model),
    )


def _usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    return b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}' % (
        prompt_tokens,
        completion_tokens,
        prompt_tokens + completion_tokens,
    )


_json: Final = msgspec.json.Encoder().encode
