"""The request path of an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.agent.accounts import AgentStats
    from agent_perf.components.agent.agent import Agent, AnswerCache, Load, Publish, Save
    from agent_perf.components.agent.budget import Budget, BudgetStats, Reservation
    from agent_perf.components.agent.categories import ErrorCategory, RequestError, categorize
    from agent_perf.components.agent.conversation import Talker
    from agent_perf.components.agent.limits import TalkPolicy, Tally
    from agent_perf.components.agent.llm import (
        Chunk,
        Hear,
        Llm,
        Message,
        Price,
        Reply,
        Spoken,
        Tool,
        ToolCall,
        Usage,
    )
    from agent_perf.components.agent.openai_adapter import OpenAiModel
    from agent_perf.components.agent.prices import FREE, PRICES, PriceList, UnknownPriceError
    from agent_perf.components.agent.pydantic_ai_adapter import PydanticAiAgent, PydanticAiModel
    from agent_perf.components.agent.questions import AgentPolicy, Answer, Question

__all__ = [
    "FREE",
    "PRICES",
    "Agent",
    "AgentPolicy",
    "AgentStats",
    "Answer",
    "AnswerCache",
    "Budget",
    "BudgetStats",
    "Chunk",
    "ErrorCategory",
    "Hear",
    "Llm",
    "Load",
    "Message",
    "OpenAiModel",
    "Price",
    "PriceList",
    "Publish",
    "PydanticAiAgent",
    "PydanticAiModel",
    "Question",
    "Reply",
    "RequestError",
    "Reservation",
    "Save",
    "Spoken",
    "TalkPolicy",
    "Talker",
    "Tally",
    "Tool",
    "ToolCall",
    "UnknownPriceError",
    "Usage",
    "categorize",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "accounts": ("AgentStats",),
        "agent": (
            "Agent",
            "AnswerCache",
            "Load",
            "Publish",
            "Save",
        ),
        "budget": (
            "Budget",
            "BudgetStats",
            "Reservation",
        ),
        "categories": (
            "ErrorCategory",
            "RequestError",
            "categorize",
        ),
        "conversation": ("Talker",),
        "limits": (
            "TalkPolicy",
            "Tally",
        ),
        "llm": (
            "Chunk",
            "Hear",
            "Llm",
            "Message",
            "Price",
            "Reply",
            "Spoken",
            "Tool",
            "ToolCall",
            "Usage",
        ),
        "openai_adapter": ("OpenAiModel",),
        "prices": (
            "FREE",
            "PRICES",
            "PriceList",
            "UnknownPriceError",
        ),
        "pydantic_ai_adapter": (
            "PydanticAiAgent",
            "PydanticAiModel",
        ),
        "questions": (
            "AgentPolicy",
            "Answer",
            "Question",
        ),
    },
)
