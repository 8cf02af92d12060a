"""
What a client asks of the model: the request of the chat-completions format, checked.

Source: OpenAI API reference, "Create chat completion". The wording of refusals is the
hosted API's where it is known.
"""

from __future__ import annotations

from typing import Final

import msgspec

BYTES_PER_TOKEN: Final = 4
"""Rule of thumb for English: OpenAI help centre, "What are tokens and how to count them?"."""

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")


class Refusal(Exception):
    """The API's answer to a request that it does not take."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s


class ContentPart(msgspec.Struct, frozen=True):
    """A part of a message's content; only its text is read."""

    type: str = ""
    text: str = ""


class FunctionCall(msgspec.Struct, frozen=True):
    """What an assistant message called, its *arguments* as JSON text."""

    name: str = ""
    arguments: str = ""


class ToolCallMade(msgspec.Struct, frozen=True):
    """A tool call of an assistant message."""

    id: str = ""
    function: FunctionCall = FunctionCall()


class Message(msgspec.Struct, frozen=True):
    """
    A message of the conversation.

    Attributes:
        role: Who speaks: one of those that the API knows.
        content: Text, its parts, or None beside tool calls.
        tool_calls: Those of an assistant message.
        tool_call_id: Which call a tool message answers.
    """

    role: str = ""
    content: str | tuple[ContentPart, ...] | None = None
    tool_calls: tuple[ToolCallMade, ...] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content's text."""
        content = self.content
        if content is None or isinstance(content, str):
            return content or ""
        return "".join(part.text for part in content)


class _ToolName(msgspec.Struct, frozen=True):
    name: str = ""


class _Tool(msgspec.Struct, frozen=True):
    function: _ToolName = _ToolName()


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    """
    What a client asked of the model.

    Attributes:
        model: Its name.
        messages: The conversation, oldest first, at least one.
        tools: What the model may call, as it was sent; JSON.
        stream: Whether the answer comes in chunks.
        stream_options: How.
        max_tokens: Longest answer; None for any.
        max_completion_tokens: Its newer name, which wins.
        n: How many answers; we give one.
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    tools: msgspec.Raw = msgspec.Raw(b"null")
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None

    @property
    def last_user_text(self) -> str:
        """The text of the user's last message, or an empty string."""
        return next((one.text for one in reversed(self.messages) if one.role == "user"), "")

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the numbers of tokens."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def tokens_max(self) -> int | None:
        """The longest answer allowed, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    def user_message_index(self) -> int:
        """Return the place of the user's last message, or -1."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].role == "user":
                return index
        return -1

    def answered_count(self) -> int:
        """Return how often the model has spoken since: how far the agent's loop has come."""
        since = self.messages[self.user_message_index() + 1 :]
        return sum(message.role == "assistant" for message in since)

    def tool_names(self) -> tuple[str, ...]:
        """Return the names of the tools offered."""
        tools = msgspec.json.decode(self.tools, type=tuple[_Tool, ...] | None)
        return tuple(tool.function.name for tool in tools or ())

    def prompt_tokens(self) -> int:
        """
        Return the length of the prompt in tokens, by one rule for all models.

        The UTF-8 bytes of all texts, of the names and arguments of earlier tool calls, and
        of the tools as they were sent, divided by BYTES_PER_TOKEN and rounded up.
        """
        tools = bytes(self.tools)
        size_bytes = 0 if tools == b"null" else len(tools)
        for message in self.messages:
            size_bytes += len(message.text.encode())
            for call in message.tool_calls or ():
                size_bytes += len(call.function.name.encode())
                size_bytes += len(call.function.arguments.encode())
        return -(-size_bytes // BYTES_PER_TOKEN)


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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
