"""
A request of OpenAI's Responses format, checked and put into the common form.

Source: OpenAI API reference, "Create a model response"; guide "Conversation state". The
wording of refusals is the hosted API's where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from agent_perf.sim.services.llm.conversation import (
    ChatRequest,
    ContentPart,
    FunctionCall,
    Message,
    ToolCallMade,
)
from agent_perf.sim.services.llm.refusal import Refusal

_NONE: Final = msgspec.Raw(b"null")
_ROLES: Final = ("user", "assistant", "system", "developer")


class Item(msgspec.Struct, frozen=True):
    """An item of the input, as far as it is read."""

    type: str = "message"
    role: str = ""
    content: str | tuple[ContentPart, ...] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str | tuple[ContentPart, ...] = ""


class ResponsesRequest(msgspec.Struct, frozen=True):
    """What a client sends, as far as it is read or said back; Raw is JSON."""

    model: str = ""
    input: str | tuple[Item, ...] = ()
    instructions: str | None = None
    tools: msgspec.Raw = _NONE
    tool_choice: msgspec.Raw = msgspec.Raw(b'"auto"')
    parallel_tool_calls: bool | None = None
    text: msgspec.Raw = msgspec.Raw(b'{"format":{"type":"text"}}')
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    previous_response_id: str | None = None
    store: bool | None = None


_decoder: Final = msgspec.json.Decoder(ResponsesRequest)


def parse_responses(content: bytes) -> ResponsesRequest:
    """
    Return the request in *content*.

    Raises:
        Refusal: If the API would not take it: status 400.
    """
    try:
        request = _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"Invalid type: {error}", code="invalid_type") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(
            400, f"We could not parse the JSON body of your request. (HINT: {error})"
        ) from error
    if not request.model:
        raise Refusal(
            400,
            "Missing required parameter: 'model'.",
            param="model",
            code="missing_required_parameter",
        )
    if not request.input:
        raise Refusal(
            400,
            "One of \"input\" or 'previous_response_id' or 'prompt' or 'conversation_id' must be "
            "provided; the simulated model wants input.",
            param="input",
            code="missing_required_parameter",
        )
    limit = request.max_output_tokens
    if limit is not None and limit < 1:
        raise Refusal(
            400,
            f"Invalid 'max_output_tokens': {limit}; want at least 1",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    return request


def chat_of(request: ResponsesRequest, kept: Mapping[str, tuple[Message, ...]]) -> ChatRequest:
    """
    Return *request* in the common form.

    Args:
        request: It.
        kept: The conversations up to and with earlier responses, by the response's id.

    Raises:
        Refusal: If it goes on from a response that is not kept, or leaves a call open.
    """
    earlier: tuple[Message, ...] = ()
    previous = request.previous_response_id
    if previous is not None:
        if previous not in kept:
            raise Refusal(
                400,
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        earlier = kept[previous]
    asked = request.input
    if isinstance(asked, str):
        messages = (*earlier, Message(role="user", content=asked))
    else:
        messages = earlier + _messages(asked)
    _check_calls(messages)
    if request.instructions is not None:
        # They hold for this response only, and are not kept with it.
        messages = (Message(role="system", content=request.instructions), *messages)
    return ChatRequest(
        model=request.model,
        messages=messages,
        tools=request.tools,
        stream=request.stream,
        max_tokens=request.max_output_tokens,
    )


def _messages(items: tuple[Item, ...]) -> tuple[Message, ...]:
    messages: list[Message] = []
    turn: list[Item] = []
    for index, item in enumerate(items):
        if item.type in {"function_call", "reasoning"} or item.role == "assistant":
            # All that one turn of the model gave is one message in the common form.
            turn.append(item)
            continue
        _close_turn(turn, messages)
        if item.type == "function_call_output":
            output = item.output
            messages.append(Message(role="tool", content=output, tool_call_id=item.call_id))
        elif item.type == "message" and item.role in _ROLES:
            messages.append(Message(role=item.role, content=item.content))
        else:
            raise Refusal(
                400,
                f"Invalid value: '{item.role or item.type}'. The simulated model takes messages "
                f"of the roles {', '.join(_ROLES)}, function calls and their outputs.",
                param=f"input[{index}]",
                code="invalid_value",
            )
    _close_turn(turn, messages)
    return tuple(messages)


def _close_turn(turn: list[Item], messages: list[Message]) -> None:
    if not turn:
        return
    calls = tuple(
        ToolCallMade(
            id=item.call_id, function=FunctionCall(name=item.name, arguments=item.arguments)
        )
        for item in turn
        if item.type == "function_call"
    )
    content = "".join(Message(content=item.content).text for item in turn if item.type == "message")
    messages.append(Message(role="assistant", content=content, tool_calls=calls or None))
    turn.clear()


def _check_calls(messages: tuple[Message, ...]) -> None:
    made = [call.id for message in messages for call in message.tool_calls or ()]
    answered = [message.tool_call_id for message in messages if message.role == "tool"]
    for call_id in answered:
        if call_id not in made:
            raise Refusal(
                400,
                f"No tool call found for function call output with call_id {call_id}.",
                param="input",
            )
    for call_id in made:
        if call_id not in answered:
            raise Refusal(400, f"No tool output found for function call {call_id}.", param="input")
