"""One streamed call of the model."""

from dataclasses import dataclass, field
from typing import Any

from openai import AsyncOpenAI

from support_agent.events import Turn

LOOKUP_ORDERS = {
    "type": "function",
    "function": {
        "name": "lookup_orders",
        "description": "Look up the newest orders of the customer who asks.",
        "parameters": {
            "type": "object",
            "properties": {"newest": {"type": "integer", "minimum": 1, "maximum": 10}},
        },
    },
}


@dataclass(kw_only=True)
class ToolCall:
    id: str
    name: str
    arguments: str = ""


@dataclass(kw_only=True)
class ModelMessage:
    text: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)

    def as_input(self) -> dict[str, Any]:
        """Return the message as the next call wants to see it."""
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in self.tool_calls
        ]
        return {"role": "assistant", "content": self.text or None, "tool_calls": calls}


async def stream_message(
    client: AsyncOpenAI, model: str, conversation: list[dict[str, Any]], turn: Turn
) -> ModelMessage:
    """Return the model's next message; its text is sent to the customer while it is written."""
    message = ModelMessage()
    stream = await client.chat.completions.create(
        model=model, messages=conversation, tools=[LOOKUP_ORDERS], stream=True
    )
    async for chunk in stream:
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta
        if delta.content:
            message.text += delta.content
            turn.send("answer.text", {"text": delta.content})
        # A call comes in pieces: first its id and name, then its arguments bit by bit.
        for piece in delta.tool_calls or ():
            if piece.index == len(message.tool_calls):
                message.tool_calls.append(ToolCall(id=piece.id, name=piece.function.name))
            message.tool_calls[piece.index].arguments += piece.function.arguments or ""
    return message
