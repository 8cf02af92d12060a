"""
What the model answers, in the format of OpenAI's Responses: whole, or as events.

Source: OpenAI API reference, "The response object".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from agent_perf.sim.services.llm.api import Head, Limit, Usage
from agent_perf.sim.services.llm.conversation import (
    ChatRequest,
    FunctionCall,
    Message,
    ToolCallMade,
)
from agent_perf.sim.services.llm.openai_errors import check_post, error_reply, limit_headers
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.sim.services.llm.responses_events import ID, event, events_of, items_of
from agent_perf.sim.services.llm.responses_request import (
    ResponsesRequest,
    chat_of,
    parse_responses,
)
from agent_perf.sim.services.llm.speech import Spoken
from agent_perf.sim.services.llm.turns import Finish
from agent_perf.sim.services.reply import Reply, SimRequest

_RESPONSES_KEPT: Final = 10_000


class ResponsesApi:
    """``POST /v1/responses``; it remembers what it said, for previous_response_id."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Message, ...]] = {}

    def read(self, request: SimRequest) -> ResponsesCall:
        """Return what *request* asks; raises Refusal."""
        check_post(request)
        asked = parse_responses(request.content)
        return ResponsesCall(asked=asked, chat=chat_of(asked, self._kept), kept=self._kept)

    def error(self, refusal: Refusal) -> Reply:
        """Return the answer that says *refusal*."""
        return error_reply(refusal)

    def limit_headers(self, limits: Mapping[str, Limit]) -> tuple[tuple[str, str], ...]:
        """Return how OpenAI tells the state of its rate limits."""
        return limit_headers(limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesCall:
    """
    One request for a response.

    Attributes:
        asked: As it was sent.
        chat: In the common form.
        kept: Where the conversation is kept when it is answered, by the response's id.
    """

    asked: ResponsesRequest
    chat: ChatRequest
    kept: dict[str, tuple[Message, ...]]
    cache_marks: tuple[int, ...] | None = None

    def whole(self, head: Head, spoken: Spoken, usage: Usage) -> bytes:
        """Return the body of an answer in one piece."""
        reply_id = head.reply_id.encode()
        items = b",".join(items_of(spoken)).replace(ID, reply_id)
        return self._response(head, _status(spoken), items, _usage(usage))

    def chunks(self, head: Head, spoken: Spoken, usage: Usage) -> list[bytes]:
        """Return what the stream sends, one item for each piece."""
        reply_id = head.reply_id.encode()
        events, number = events_of(spoken)
        chunks = [chunk.replace(ID, reply_id) for chunk in events]
        begun = b'"response":%b' % self._response(head, b'"in_progress"', b"", b"null")
        opening = event("response.created", 0, begun) + event("response.in_progress", 1, begun)
        chunks[0] = opening + chunks[0]
        kind = "response.incomplete" if _is_incomplete(spoken) else "response.completed"
        whole = b'"response":%b' % self.whole(head, spoken, usage)
        chunks[-1] += event(kind, number, whole)
        return chunks

    def finished(self, head: Head, spoken: Spoken) -> None:
        """Keep the conversation, for the next request to go on from."""
        if self.asked.store is False:
            return
        messages = self.chat.messages
        if self.asked.instructions is not None:
            messages = messages[1:]
        calls = tuple(
            ToolCallMade(
                id=f"call_{head.reply_id}{index}",
                function=FunctionCall(name=call.name, arguments=call.arguments),
            )
            for index, call in enumerate(spoken.calls)
        )
        answer = Message(role="assistant", content=spoken.content, tool_calls=calls or None)
        self.kept[f"resp_{head.reply_id}"] = (*messages, answer)
        if len(self.kept) > _RESPONSES_KEPT:
            del self.kept[next(iter(self.kept))]

    def _response(self, head: Head, status: bytes, items: bytes, usage: bytes) -> bytes:
        return (
            b'{"id":"resp_%b","object":"response","created_at":%d,"status":%b,"error":null,'
            b'"model":%b,"output":[%b],"usage":%b,%b}'
            % (
                head.reply_id.encode(),
                head.created_s,
                status,
                _json(head.model),
                items,
                usage,
                _echo(self.asked),
            )
        )


def _is_incomplete(spoken: Spoken) -> bool:
    return not spoken.calls and spoken.finish in (Finish.LENGTH, Finish.CONTENT_FILTER)


def _status(spoken: Spoken) -> bytes:
    """Return the status and, if there is one, the reason that the answer is not complete."""
    if not _is_incomplete(spoken):
        return b'"completed","incomplete_details":null'
    reason = b"max_output_tokens" if spoken.finish is Finish.LENGTH else b"content_filter"
    return b'"incomplete","incomplete_details":{"reason":"%b"}' % reason


def _echo(asked: ResponsesRequest) -> bytes:
    """Return the fields that a response says back."""
    tools = b"[]" if asked.tools == msgspec.Raw(b"null") else bytes(asked.tools)
    plain = _json(
        {
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": asked.previous_response_id,
            "store": asked.store is not False,
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "top_p": 1.0 if asked.top_p is None else asked.top_p,
            "truncation": "disabled",
        }
    )
    return b'"tools":%b,"tool_choice":%b,"text":%b,"metadata":%b,%b' % (
        tools,
        bytes(asked.tool_choice),
        bytes(asked.text),
        bytes(asked.metadata),
        plain[1:-1],
    )


def _usage(usage: Usage) -> bytes:
    return (
        b'{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":0},'
        b'"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d}'
        % (usage.prompt, usage.cached, usage.output, usage.prompt + usage.output)
    )


_json: Final = msgspec.json.Encoder().encode
