"""
A model behind an OpenAI-compatible API: streamed chat completions with tools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import openai

from agent_perf.components.errors import (
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agent_perf.components.llm import Chunk, Message, Tool, ToolCall, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall


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
        for piece in reading.end():
            yield piece


def as_model_error(error: openai.OpenAIError) -> ModelError:
    """Return what the client raised as one of ours."""
    message = f"{type(error).__name__}: {error}"
    match error:
        case openai.APITimeoutError():
            return ModelTimeoutError(message)
        case openai.RateLimitError():
            text = error.response.headers.get("retry-after", "")
            return ModelRateLimitError(
                message, retry_after_s=float(text) if text.isdecimal() else None
            )
        case openai.APIConnectionError() | openai.InternalServerError():
            return ModelUnavailableError(message)
    # A plain APIError is an error event in the middle of a stream.
    if type(error) is openai.APIError:
        return ModelUnavailableError(message)
    return ModelError(message)


class _Reading:
    """A stream as far as it was read: tool calls come in fragments."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._finish_reason: str | None = None

    def add(self, chunk: ChatCompletionChunk) -> Iterable[Chunk]:
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            for fragment in choice.delta.tool_calls or ():
                self._calls.setdefault(fragment.index, _Call()).add(fragment)
            if choice.delta.content:
                yield choice.delta.content
        if chunk.usage:
            yield Usage(
                tokens_in=chunk.usage.prompt_tokens, tokens_out=chunk.usage.completion_tokens
            )

    def end(self) -> Iterable[Chunk]:
        if self._finish_reason is None:
            raise ModelUnavailableError("the stream ended before the reply did")
        if self._finish_reason == "content_filter":
            raise ModelReplyError("the provider's content filter withheld the reply")
        for _, call in sorted(self._calls.items()):
            yield ToolCall(id=call.id, name=call.name, arguments=call.arguments)


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""

    def add(self, fragment: ChoiceDeltaToolCall) -> None:
        self.id = fragment.id or self.id
        if fragment.function:
            self.name += fragment.function.name or ""
            self.arguments += fragment.function.arguments or ""


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
