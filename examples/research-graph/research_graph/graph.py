"""
The graph: plan searches, search, write, review, and at most once write again.

    plan -> search -> write -> review -> end
                        ^---------'
"""

import asyncio
import os
from functools import cache
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from research_graph.library import search_library

MODEL = os.environ.get("MODEL", "gpt-5-mini")
REVISIONS_MAX = 1

PLAN = "You plan research. Call search_library once for each of two to four different queries."
WRITE = "You write a report of one page from what was found, and mend what a review asks for."
REVIEW = "You check the last report. Answer OK, or the most important thing to mend."


class Research(TypedDict, total=False):
    """What the nodes share: one conversation, which begins with the question."""

    messages: Annotated[list[AnyMessage], add_messages]
    report: str
    is_good: bool
    revisions: int


@cache
def model() -> ChatOpenAI:
    """Return the one model of this process, whose connections are kept."""
    return ChatOpenAI(model=MODEL, max_retries=2, timeout=30)


async def plan(state: Research) -> Research:
    """Let the model say what to search for."""
    planner = model().bind_tools([search_library])
    return {"messages": [await planner.ainvoke([SystemMessage(PLAN), *state["messages"]])]}


async def search(state: Research) -> Research:
    """Search for everything at once."""
    planned = state["messages"][-1]
    calls = planned.tool_calls if isinstance(planned, AIMessage) else []
    return {"messages": await asyncio.gather(*(search_library.ainvoke(call) for call in calls))}


async def write(state: Research) -> Research:
    """Write the report, or write it again after a review."""
    written = await model().ainvoke([SystemMessage(WRITE), *state["messages"]])
    revisions = state.get("revisions", -1) + 1
    return {"messages": [written], "report": written.text, "revisions": revisions}


async def review(state: Research) -> Research:
    """Let the model check the report against what was found."""
    answer = await model().ainvoke([SystemMessage(REVIEW), *state["messages"]])
    return {"messages": [answer], "is_good": answer.text.strip().upper().startswith("OK")}


def after_review(state: Research) -> str:
    return END if state["is_good"] or state["revisions"] >= REVISIONS_MAX else "write"


async def research(question: str) -> Research:
    """Return the finished state of the graph, asked *question*."""
    return await graph.ainvoke({"messages": [HumanMessage(question)]})


def build_graph():
    """Return the compiled graph."""
    builder = StateGraph(Research)
    builder.add_node("plan", plan)
    builder.add_node("search", search)
    builder.add_node("write", write)
    builder.add_node("review", review)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "search")
    builder.add_edge("search", "write")
    builder.add_edge("write", "review")
    builder.add_conditional_edges("review", after_review, ["write", END])
    return builder.compile()


graph = build_graph()
