"""
What a client asks of the model, whichever API it speaks: a conversation in one form.
"""

from __future__ import annotations

from typing import Final

import msgspec

BYTES_PER_TOKEN: Final = 4
"""Rule of thumb for English: OpenAI help centre, "What are tokens and how to count them?"."""


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

    def size_bytes(self) -> int:
        """Return the UTF-8 bytes of its text, and of the names and arguments of its calls."""
        size = len(self.text.encode())
        for call in self.tool_calls or ():
            size += len(call.function.name.encode()) + len(call.function.arguments.encode())
        return size


class _ToolName(msgspec.Struct, frozen=True):
    name: str = ""


class _Tool(msgspec.Struct, frozen=True):
    """Chat completions nest the name; the other APIs do not, and some of their tools have none."""

    name: str | None = None
    function: _ToolName | None = None


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    """
    What a client asked of the model, in the form of chat completions.

    The other APIs' requests are put into this form: a system prompt is a message, what a tool
    said is a message of the role ``tool``.

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
        named = (tool.function.name if tool.function else tool.name for tool in tools or ())
        return tuple(name for name in named if name)

    def prompt_tokens(self) -> int:
        """
        Return the length of the prompt in tokens, by one rule for all models.

        The UTF-8 bytes of all texts, of the names and arguments of earlier tool calls, and
        of the tools as they were sent, divided by BYTES_PER_TOKEN and rounded up.
        """
        tools = bytes(self.tools)
        size_bytes = 0 if tools == b"null" else len(tools)
        for message in self.messages:
            size_bytes += message.size_bytes()
        return -(-size_bytes // BYTES_PER_TOKEN)
