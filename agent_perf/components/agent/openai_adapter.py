"""
A model behind an OpenAI-compatible API: streamed chat completions with tools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import openai

from agent_perf.components.agent.llm import Chunk, Message, Tool, ToolCall, Usage
from agent_perf.components.agent.model_errors import (
    reading_error,
    retry_after_s,
    status_error,
)
from agent_perf.components.errors import (
    ModelError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall


class OpenAiModel:
    """
    Speaks to one model through an ``openai.AsyncOpenAI`` client.

    The client's own retries are switched off: whoever calls retries, counts and breaks.

    Args:
        client: Stays yours to close; its time-outs and limits hold.
        model: Name of the model.
        options: Further arguments of ``chat.completions.create``, such as temperature.

    Example::

        model = OpenAiModel(openai.AsyncOpenAI(), "gpt-5-mini", temperature=0)
        agent = Agent(Talker(model))
    """

    def __init__(self, client: openai.AsyncOpenAI, model: str, **options: object) -> None:
        self._client = client.with_options(max_retries=0)
        self._model = model
        self._options = options

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], /
    ) -> AsyncIterator[Chunk]:
        """
        Give the reply in pieces.

        Raises:
            ModelError: One of its kinds, for whatever the API raised.
        """
        # The client's types describe requests as unions of dozens of dicts.
        create: Any = self._client.chat.completions.create
        arguments = {"tools": [_tool_in(tool) for tool in tools]} if tools else {}
        reading = _Reading()
        try:
            stream = await create(
                model=self._model,
                messages=[_message_in(message) for message in messages],
                stream=True,
                stream_options={"include_usage": True},
                **arguments,
                **self._options,
            )
            async with stream:
                async for chunk in stream:
                    for piece in reading.add(chunk):
                        yield piece
        except openai.OpenAIError as error:
            raise as_model_error(error) from error
        except Exception as error:
            # Once the stream is open, the HTTP library's own errors come out, and the parser's.
            translated = reading_error(error)
            if translated is error:
                raise
            raise translated from error
        for piece in reading.end():
            yield piece


def as_model_error(error: openai.OpenAIError) -> ModelError:
    """Return what the client raised as one of ours."""
    message = f"{type(error).__name__}: {error}"
    match error:
        case openai.APITimeoutError():
            return ModelTimeoutError(message)
        case openai.APIStatusError():
            return status_error(error.status_code, message, retry_after_s(error.response.headers))
        case openai.APIConnectionError():
            return ModelUnavailableError(message)
    # A plain APIError is an error event in the middle of a stream.
    if type(error) is openai.APIError:
        return ModelUnavailableError(message)
    return ModelError(message)


class _Reading:
    """A stream as far as it was read: tool calls come in fragments."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        # Number to the call that its fragments belong to, where that is another one by now.
        self._moved: dict[int | None, int] = {}
        self._finish_reason: str | None = None
        self._usage: Usage | None = None

    def add(self, chunk: ChatCompletionChunk) -> Iterable[Chunk]:
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            # Some servers send a last choice without one, whatever the client's types say.
            delta: ChoiceDelta | None = choice.delta
            if delta:
                for fragment in delta.tool_calls or ():
                    self._call_of(fragment).add(fragment)
                if delta.content:
                    yield delta.content
        if chunk.usage:
            # Some servers tell it with every piece, as the sum so far: the last one counts.
            self._usage = _usage_in(chunk.usage)

    def end(self) -> Iterable[Chunk]:
        if self._usage is not None:
            yield self._usage
        if self._finish_reason is None:
            raise ModelUnavailableError("the stream ended before the reply did")
        if self._finish_reason == "content_filter":
            raise ModelReplyError("the provider's content filter withheld the reply")
        for _, call in sorted(self._calls.items()):
            yield ToolCall(id=call.id, name=call.name, arguments=call.arguments)

    def _call_of(self, fragment: ChoiceDeltaToolCall) -> _Call:
        # Some servers number no calls, or all of them 0: an id that is new begins the next.
        number: int | None = fragment.index
        index = max(self._calls, default=0) if number is None else self._moved.get(number, number)
        call = self._calls.get(index)
        if call is not None and fragment.id and call.id not in {"", fragment.id}:
            index = self._moved[number] = max(self._calls) + 1
        return self._calls.setdefault(index, _Call())


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""

    def add(self, fragment: ChoiceDeltaToolCall) -> None:
        self.id = fragment.id or self.id
        if fragment.function:
            self.name += fragment.function.name or ""
            self.arguments += fragment.function.arguments or ""


def _usage_in(usage: CompletionUsage) -> Usage:
    # Servers leave away, or null, what the client's types promise.
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        tokens_in=getattr(usage, "prompt_tokens", None) or 0,
        tokens_out=getattr(usage, "completion_tokens", None) or 0,
        tokens_cached=getattr(details, "cached_tokens", None) or 0,
        tokens_stored=getattr(details, "cache_write_tokens", None) or 0,
    )


def _message_in(message: Message) -> dict[str, object]:
    row: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    return row


def _tool_in(tool: Tool) -> dict[str, object]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}
