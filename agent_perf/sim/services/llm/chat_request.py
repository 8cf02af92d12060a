"""
A request of the chat-completions format, checked.

Source: OpenAI API reference, "Create chat completion". The wording of refusals is the
hosted API's where it is known.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent_perf.sim.services.llm.conversation import ChatRequest, Message
from agent_perf.sim.services.llm.refusal import Refusal

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")

_decoder: Final = msgspec.json.Decoder(ChatRequest)


def parse_chat(content: bytes) -> ChatRequest:
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
        raise Refusal(400, "you must provide a model parameter")
    if not request.messages:
        raise Refusal(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    if request.n not in {None, 1}:
        raise Refusal(400, f"n={request.n}: the simulated model gives one choice", param="n")
    if request.tokens_max is not None and request.tokens_max < 1:
        raise Refusal(
            400, f"Invalid 'max_tokens': {request.tokens_max}; want at least 1", param="max_tokens"
        )
    _check_messages(request.messages)
    return request


def _check_messages(messages: tuple[Message, ...]) -> None:
    open_ids: list[str] = []
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        if message.role not in _ROLES:
            raise Refusal(
                400,
                f"Invalid value: '{message.role}'. Supported values are: "
                + ", ".join(f"'{role}'" for role in _ROLES),
                param=f"{param}.role",
                code="invalid_value",
            )
        if message.role == "tool":
            if message.tool_call_id not in open_ids:
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    param=f"{param}.role",
                )
            open_ids.remove(message.tool_call_id)
            continue
        _check_answered(open_ids, param)
        open_ids = [call.id for call in message.tool_calls or ()]
    _check_answered(open_ids, f"messages[{len(messages)}]")


def _check_answered(open_ids: list[str], param: str) -> None:
    if open_ids:
        raise Refusal(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(open_ids),
            param=f"{param}.role",
        )
