"""
What the model answers, in the format of Anthropic's Messages: whole, or as events.

Source: Anthropic API reference, "Create a Message", "Streaming messages", "Errors",
"Rate limits", section "Response headers", and "Versions".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from agent_perf.sim.services.llm.api import Head, Limit, Usage, bearer_of
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.messages_request import parse_messages
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.sim.services.llm.speech import Piece, Spoken, pieces_of
from agent_perf.sim.services.llm.turns import Finish, ToolCall
from agent_perf.sim.services.reply import Reply, SimRequest, json_reply

# Stands for the answer's id in what is kept from one answer to the next: JSON has no raw NUL.
_ID: Final = b"\x00"


class MessagesApi:
    """``POST /v1/messages``."""

    def read(self, request: SimRequest) -> MessagesCall:
        """Return what *request* asks; raises Refusal."""
        if request.method != "POST":
            raise Refusal(405, "Method Not Allowed")
        if not (request.headers.get("x-api-key") or bearer_of(request.headers)):
            raise Refusal(401, "x-api-key header is required")
        if not request.headers.get("anthropic-version"):
            raise Refusal(400, "anthropic-version: header is required")
        chat, marks = parse_messages(request.content)
        return MessagesCall(chat=chat, cache_marks=marks)

    def error(self, refusal: Refusal) -> Reply:
        """Return the answer that says *refusal*."""
        status = refusal.status
        kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        error = {"type": kind, "message": _WORDS.get(refusal.code or "", refusal.message)}
        reply = json_reply({"type": "error", "error": error}, status=status)
        headers = [("content-type", "application/json"), *refusal.headers]
        if refusal.retry_after_s is not None:
            headers.append(("retry-after", str(math.ceil(refusal.retry_after_s))))
        return Reply(status=status, headers=tuple(headers), content=reply.content)

    def limit_headers(self, limits: Mapping[str, Limit]) -> tuple[tuple[str, str], ...]:
        """Return how Anthropic tells the state of its rate limits."""
        headers: list[tuple[str, str]] = []
        for kind, limit in limits.items():
            reset = datetime.fromtimestamp(math.ceil(limit.reset_at_s), UTC)
            headers += [
                (f"anthropic-ratelimit-{kind}-limit", str(limit.per_min)),
                (f"anthropic-ratelimit-{kind}-remaining", str(limit.remaining)),
                (f"anthropic-ratelimit-{kind}-reset", f"{reset:%Y-%m-%dT%H:%M:%SZ}"),
            ]
        return tuple(headers)


_KINDS: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_WORDS: Final = {"rate_limit_exceeded": "This request would exceed your rate limit."}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesCall:
    """One request for a message."""

    chat: ChatRequest
    cache_marks: tuple[int, ...] | None

    def whole(self, head: Head, spoken: Spoken, usage: Usage) -> bytes:
        """Return the body of an answer in one piece."""
        reply_id = head.reply_id.encode()
        return _message(
            head,
            b",".join(_blocks(spoken)).replace(_ID, reply_id),
            _finish(spoken),
            _usage(usage, usage.output),
        )

    def chunks(self, head: Head, spoken: Spoken, usage: Usage) -> list[bytes]:
        """Return what the stream sends, one item for each piece."""
        chunks = list(_events(spoken))
        if spoken.calls:
            reply_id = head.reply_id.encode()
            chunks = [chunk.replace(_ID, reply_id) for chunk in chunks]
        start = _message(head, b"", b'"stop_reason":null', _usage(usage, 1))
        chunks[0] = _event(b"message_start", b'"message":%b' % start) + _PING + chunks[0]
        delta = b'"delta":{%b,"stop_sequence":null},"usage":{"output_tokens":%d}'
        chunks[-1] += _event(b"message_delta", delta % (_finish(spoken), usage.output))
        chunks[-1] += _event(b"message_stop")
        return chunks

    def finished(self, head: Head, spoken: Spoken) -> None:
        """Keep nothing: the client sends the conversation again."""


def _message(head: Head, blocks: bytes, finish: bytes, usage: bytes) -> bytes:
    return (
        b'{"id":"msg_%b","type":"message","role":"assistant","model":%b,"content":[%b],%b,'
        b'"stop_sequence":null,%b}'
        % (head.reply_id.encode(), _json(head.model), blocks, finish, usage)
    )


@lru_cache(maxsize=256)
def _blocks(spoken: Spoken) -> tuple[bytes, ...]:
    texts = [b'{"type":"text","text":%b}' % _json(spoken.content)] if _has_text(spoken) else []
    return (
        *texts,
        *(_tool_use(i, call, _sound(call)) for i, call in enumerate(spoken.calls)),
    )


def _has_text(spoken: Spoken) -> bool:
    return bool(spoken.content or not spoken.calls)


def _tool_use(index: int, call: ToolCall, arguments: bytes) -> bytes:
    return b'{"type":"tool_use","id":"toolu_%b%d","name":%b,"input":%b}' % (
        _ID,
        index,
        _json(call.name),
        arguments,
    )


def _sound(call: ToolCall) -> bytes:
    # An answer in one piece has an object there: what is none is wrapped, as the guide
    # "Fine-grained tool streaming" advises to.
    try:
        msgspec.json.decode(call.arguments, type=dict[str, object])
    except msgspec.DecodeError:
        return _json({"INVALID_JSON": call.arguments})
    return call.arguments.encode()


@lru_cache(maxsize=256)
def _events(spoken: Spoken) -> tuple[bytes, ...]:
    """Return the events of the content, one item for each piece."""
    chunks: list[bytes] = []
    first_call = 1 if _has_text(spoken) else 0
    last: int | None = None
    for piece in pieces_of(spoken):
        index = 0 if piece.call_index is None else first_call + piece.call_index
        opening = b""
        if index != last:
            opening = _start(spoken, piece, index)
            if last is not None:
                chunks[-1] += _event(b"content_block_stop", b'"index":%d' % last)
            last = index
        chunks.append(opening if piece.opens else opening + _delta(piece, index))
    chunks[-1] += _event(b"content_block_stop", b'"index":%d' % (last or 0))
    return tuple(chunks)


def _start(spoken: Spoken, piece: Piece, index: int) -> bytes:
    block = b'{"type":"text","text":""}'
    if piece.call_index is not None:
        block = _tool_use(piece.call_index, spoken.calls[piece.call_index], b"{}")
    return _event(b"content_block_start", b'"index":%d,"content_block":%b' % (index, block))


def _delta(piece: Piece, index: int) -> bytes:
    kind = (
        b'"text_delta","text"' if piece.call_index is None else b'"input_json_delta","partial_json"'
    )
    return _event(
        b"content_block_delta",
        b'"index":%d,"delta":{"type":%b:%b}' % (index, kind, _json(piece.text)),
    )


def _event(kind: bytes, fields: bytes = b"") -> bytes:
    comma = b"," if fields else b""
    return b'event: %b\ndata: {"type":"%b"%b%b}\n\n' % (kind, kind, comma, fields)


_PING: Final = _event(b"ping")


def _finish(spoken: Spoken) -> bytes:
    return b'"stop_reason":"%b"' % (b"tool_use" if spoken.calls else _FINISHES[spoken.finish])


_FINISHES: Final = {
    Finish.STOP: b"end_turn",
    Finish.LENGTH: b"max_tokens",
    Finish.CONTENT_FILTER: b"refusal",
    Finish.REFUSAL: b"refusal",
}


def _usage(usage: Usage, output: int) -> bytes:
    return (
        b'"usage":{"input_tokens":%d,"cache_creation_input_tokens":%d,'
        b'"cache_read_input_tokens":%d,"output_tokens":%d,"service_tier":"standard"}'
        % (usage.prompt - usage.cached - usage.written, usage.written, usage.cached, output)
    )


_json: Final = msgspec.json.Encoder().encode
