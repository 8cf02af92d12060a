"""
A request of Anthropic's Messages format, checked and put into the common form.

Source: Anthropic API reference, "Create a Message", "Errors", "Versions". The wording of
refusals is the hosted API's where it is known.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent_perf.sim.services.llm.conversation import (
    ChatRequest,
    FunctionCall,
    Message,
    ToolCallMade,
)
from agent_perf.sim.services.llm.refusal import Refusal

_NONE: Final = msgspec.Raw(b"null")


class Block(msgspec.Struct, frozen=True):
    """A block of content, as far as it is read."""

    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    tool_use_id: str = ""
    content: str | tuple[Block, ...] | None = None
    cache_control: msgspec.Raw = _NONE

    @property
    def told(self) -> str:
        """The text of it or of the blocks in it."""
        content = self.content
        if content is None:
            return self.text
        return content if isinstance(content, str) else "".join(one.text for one in content)


class _Said(msgspec.Struct, frozen=True):
    role: str
    content: str | tuple[Block, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        content = self.content
        return (Block(type="text", text=content),) if isinstance(content, str) else content


class _Tool(msgspec.Struct, frozen=True):
    cache_control: msgspec.Raw = _NONE


class MessagesRequest(msgspec.Struct, frozen=True):
    """What a client sends, as far as it is read."""

    model: str
    messages: tuple[_Said, ...]
    max_tokens: int
    system: str | tuple[Block, ...] = ()
    tools: msgspec.Raw = _NONE
    stream: bool | None = None


_decoder: Final = msgspec.json.Decoder(MessagesRequest)


def parse_messages(content: bytes) -> tuple[ChatRequest, tuple[int, ...]]:
    """
    Return the request in *content*, and after how many of its messages it marks a cache.

    Raises:
        Refusal: If the API would not take it: status 400.
    """
    try:
        request = _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise Refusal(400, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"The request body is not valid JSON: {error}") from error
    if request.max_tokens < 1:
        raise Refusal(400, "max_tokens: Input should be greater than or equal to 1")
    if not request.messages:
        raise Refusal(400, "messages: at least one message is required")
    _check_results(request.messages)
    messages, marks = _system(request)
    for said in request.messages:
        messages += _in_common_form(said)
        if any(block.cache_control != _NONE for block in said.blocks):
            marks.append(len(messages))
    chat = ChatRequest(
        model=request.model,
        messages=tuple(messages),
        tools=request.tools,
        stream=request.stream,
        max_tokens=request.max_tokens,
    )
    return chat, tuple(marks)


def _system(request: MessagesRequest) -> tuple[list[Message], list[int]]:
    system = request.system
    blocks = (Block(text=system),) if isinstance(system, str) else system
    tools = msgspec.json.decode(request.tools, type=tuple[_Tool, ...] | None) or ()
    marks = [0] if any(tool.cache_control != _NONE for tool in tools) else []
    if not blocks:
        return [], marks
    if any(block.cache_control != _NONE for block in blocks):
        marks.append(1)
    return [Message(role="system", content="".join(block.text for block in blocks))], marks


def _in_common_form(said: _Said) -> list[Message]:
    texts = "".join(block.text for block in said.blocks if block.type == "text")
    if said.role == "assistant":
        calls = tuple(
            ToolCallMade(
                id=block.id,
                function=FunctionCall(name=block.name, arguments=bytes(block.input).decode()),
            )
            for block in said.blocks
            if block.type == "tool_use"
        )
        return [Message(role="assistant", content=texts, tool_calls=calls or None)]
    results = [
        Message(role="tool", content=block.told, tool_call_id=block.tool_use_id)
        for block in said.blocks
        if block.type == "tool_result"
    ]
    if not results:
        return [Message(role="user", content=texts)]
    if texts:
        # What stands beside results is no new question: the loop goes on.
        last = results[-1]
        results[-1] = msgspec.structs.replace(last, content=f"{last.text}\n{texts}")
    return results


def _check_results(messages: tuple[_Said, ...]) -> None:
    open_ids: tuple[str, ...] = ()
    for index, said in enumerate(messages):
        if said.role not in {"user", "assistant"}:
            raise Refusal(
                400,
                f'messages: Unexpected role "{said.role}". The Messages API accepts a top-level '
                "`system` parameter, and the roles user and assistant here.",
            )
        answered = [block.tool_use_id for block in said.blocks if block.type == "tool_result"]
        for tool_use_id in answered:
            if tool_use_id not in open_ids:
                raise Refusal(
                    400,
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{tool_use_id}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message.",
                )
        _check_all_answered(open_ids, answered, index - 1)
        open_ids = tuple(block.id for block in said.blocks if block.type == "tool_use")
    _check_all_answered(open_ids, (), len(messages) - 1)


def _check_all_answered(
    open_ids: tuple[str, ...], answered: list[str] | tuple[str, ...], index: int
) -> None:
    missing = [open_id for open_id in open_ids if open_id not in answered]
    if missing:
        raise Refusal(
            400,
            f"messages.{index}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
            "corresponding `tool_result` block in the next message.",
        )
