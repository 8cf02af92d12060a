"""What is asked: keys by popularity, texts of exact sizes, conversations, and edge cases."""

from agent_perf.load.data.cases import Case, edge_cases
from agent_perf.load.data.conversations import Turn, conversation
from agent_perf.load.data.texts import json_payload, prose, questions, random_bytes
from agent_perf.load.data.zipf import Zipf

__all__ = [
    "Case",
    "Turn",
    "Zipf",
    "conversation",
    "edge_cases",
    "json_payload",
    "prose",
    "questions",
    "random_bytes",
]
