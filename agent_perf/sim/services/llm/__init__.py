"""
A simulated model endpoint, and what a script for it is written with.
"""

from agent_perf.sim.services.llm.chat_request import ChatRequest, Message
from agent_perf.sim.services.llm.endpoint import SimLlm
from agent_perf.sim.services.llm.prices import PRICES, Price
from agent_perf.sim.services.llm.turns import Turn, call_tool, fail, rate_limited, text

__all__ = [
    "PRICES",
    "ChatRequest",
    "Message",
    "Price",
    "SimLlm",
    "Turn",
    "call_tool",
    "fail",
    "rate_limited",
    "text",
]
