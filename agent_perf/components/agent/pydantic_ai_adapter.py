"""
Models and agents of pydantic-ai as models of ours, so that any provider it speaks can be used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.run import AgentRunResultEvent
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage, RunUsage

from agent_perf.components.agent.llm import Chunk, Message, Tool, ToolCall, Usage
from agent_perf.components.agent.model_errors import reading_error, status_error
from agent_perf.components.errors import (
    BudgetError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)


class PydanticAiModel:
    """
    Speaks to a model of pydantic-ai; tools, retries, breaker and budget are the Talker's.

    Args:
        model: A model object, or a name such as ``anthropic:claude-haiku-4-5``. Switch its
            client's own retries off: whoever calls retries, counts and breaks.
        settings: Of its requests, such as ``max_tokens``.
        stream: Whether to ask for the reply in pieces.

    Example::

        agent = Agent(Talker(PydanticAiModel("openai:gpt-5-mini")))
    """

    def __init__(
        self, model: Model | str, *, settings: ModelSettings | None = None, stream: bool = True
    ) -> None:
        self._model = model
        self._settings = settings
        self._stream = stream

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], /
    ) -> AsyncIterator[Chunk]:
        """
        Give the reply in pieces.

        Raises:
            ModelError: One of its kinds, for whatever the model raised.
        """
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": as_history(messages),
            "model_settings": self._settings,
            "model_request_parameters": ModelRequestParameters(
                function_tools=[_tool_in(tool) for tool in tools]
            ),
        }
        try:
            if not self._stream:
                response = await model_request(**arguments)
                if text := "".join(_texts(response)):
                    yield text
            else:
                async with model_request_stream(**arguments) as stream:
                    async for event in stream:
                        if text := _text_of(event):
                            yield text
                    response = stream.get()
        except Exception as error:
            raise as_our_error(error) from error
        if response.finish_reason == "content_filter":
            raise ModelReplyError("the provider's content filter withheld the reply")
        for part in response.parts:
            if isinstance(part, ToolCallPart):
                yield ToolCall(
                    id=part.tool_call_id, name=part.tool_name, arguments=part.args_as_json_str()
                )
        yield usage_of(response.usage)


class PydanticAiAgent:
    """
    Lets a whole agent of pydantic-ai, with its own tools and retries, answer as a model.

    Its model calls count as one; their tokens are told together. Tools of the Talker are not
    offered to it, and what it wants run it runs by itself.

    Args:
        agent: Its output is text.
        options: Further arguments of its ``run_stream_events``, such as *deps*.

    Example::

        support = PydanticAiAgent(pydantic_ai.Agent("openai:gpt-5-mini", tools=[search]))
        agent = Agent(Talker(support, retry=RetryPolicy(attempts=1)))
    """

    def __init__(self, agent: PydanticAgent[Any, str], **options: object) -> None:
        self._agent = agent
        self._options: dict[str, Any] = dict(options)

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], /
    ) -> AsyncIterator[Chunk]:
        """
        Give the answer in pieces.

        Raises:
            ModelError: One of its kinds, for whatever the run raised.
            BudgetError: If the run has reached its usage limits.
        """
        if tools:
            raise ModelError(
                f"tools {[tool.name for tool in tools]} are the Talker's; give them to the agent"
            )
        *before, last = messages
        run = self._agent.run_stream_events(
            last.content, message_history=as_history(before), **self._options
        )
        heard = False
        try:
            async with run as events:
                async for event in events:
                    if isinstance(event, AgentRunResultEvent):
                        if not heard:
                            yield str(event.result.output)
                        yield usage_of(event.result.usage)
                    elif text := _text_of(event):
                        heard = True
                        yield text
        except Exception as error:
            raise as_our_error(error) from error


def as_history(messages: Sequence[Message]) -> list[ModelMessage]:
    """Return *messages* as pydantic-ai keeps them: what one side says in a row is one message."""
    history: list[ModelMessage] = []
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    parts: list[ModelRequestPart] = []
    for message in messages:
        if message.role != "assistant":
            parts.append(_request_part(message, names))
            continue
        if parts:
            history.append(ModelRequest(parts=parts))
            parts = []
        history.append(ModelResponse(parts=_response_parts(message)))
    if parts:
        history.append(ModelRequest(parts=parts))
    return history


def as_our_error(error: Exception) -> Exception:
    """Return what pydantic-ai raised as one of ours."""
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, ModelHTTPError):
        return status_error(error.status_code, message, getattr(error, "retry_after", None))
    if isinstance(error, UsageLimitExceeded):
        return BudgetError(message)
    if isinstance(error, UnexpectedModelBehavior):
        return ModelReplyError(message)
    # Their classes for what has no status are newer than our oldest pydantic-ai.
    for kind in type(error).__mro__:
        if kind.__module__ == "pydantic_ai.exceptions" and kind.__name__ in _BY_NAME:
            return _BY_NAME[kind.__name__](message)
    if isinstance(error, AgentRunError):
        return ModelError(message)
    return reading_error(error)


_BY_NAME: Final[Mapping[str, type[ModelError]]] = {
    "ModelRateLimitError": ModelRateLimitError,
    "ModelTimeoutError": ModelTimeoutError,
    "ModelRequestTimeout": ModelTimeoutError,
    "RunTimedOut": ModelTimeoutError,
    "ModelConnectionError": ModelUnavailableError,
    "ModelServerError": ModelUnavailableError,
    "ModelUnavailableError": ModelUnavailableError,
}


def usage_of(usage: RequestUsage | RunUsage) -> Usage:
    """Return tokens as we count them."""
    return Usage(
        tokens_in=usage.input_tokens,
        tokens_out=usage.output_tokens,
        tokens_cached=usage.cache_read_tokens,
        tokens_stored=usage.cache_write_tokens,
    )


def _request_part(message: Message, names: Mapping[str, str]) -> ModelRequestPart:
    match message.role:
        case "system":
            return SystemPromptPart(message.content)
        case "tool":
            call_id = message.tool_call_id or ""
            return ToolReturnPart(names.get(call_id, ""), message.content, call_id)
        case _:
            return UserPromptPart(message.content)


def _response_parts(message: Message) -> list[ModelResponsePart]:
    parts: list[ModelResponsePart] = [TextPart(message.content)] if message.content else []
    parts += [ToolCallPart(call.name, call.arguments, call.id) for call in message.tool_calls]
    return parts


def _tool_in(tool: Tool) -> ToolDefinition:
    return ToolDefinition(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=dict(tool.parameters),
    )


def _texts(response: ModelResponse) -> list[str]:
    return [part.content for part in response.parts if isinstance(part, TextPart)]


def _text_of(event: object) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""
