"""
A simulated model endpoint, and what a script for it is written with.
"""

from agent_perf.sim.services.llm.conversation import ChatRequest, Message
from agent_perf.sim.services.llm.endpoint import SimLlm
from agent_perf.sim.services.llm.mishaps import (
    fail,
    malformed_tool,
    rate_limited,
    slow_first_token,
    stall,
    truncated,
)
from agent_perf.sim.services.llm.prices import PRICES, Price
from agent_perf.sim.services.llm.recording import record
from agent_perf.sim.services.llm.turns import Turn, call_tool, templated, text

__all__ = [
    "PRICES",
    "ChatRequest",
    "Message",
    "Price",
    "SimLlm",
    "Turn",
    "call_tool",
    "fail",
    "malformed_tool",
    "rate_limited",
    "record",
    "slow_first_token",
    "stall",
    "templated",
    "text",
    "truncated",
]
