from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from openai import AsyncOpenAI

client = AsyncOpenAI()


class ResearchState(TypedDict):
    question: str
    plan: str
    answer: str


async def _say(text: str) -> str:
    done = await client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
    )
    return done.choices[0].message.content or ""


async def plan(state: ResearchState) -> dict[str, str]:
    return {"plan": await _say(f"Plan: {state['question']}")}


async def answer(state: ResearchState) -> dict[str, str]:
    return {"answer": await _say(f"Answer by {state['plan']}: {state['question']}")}


def build_graph():
    builder = StateGraph(ResearchState)
    builder.add_node("make_plan", plan)
    builder.add_node("make_answer", answer)
    builder.add_edge(START, "make_plan")
    builder.add_edge("make_plan", "make_answer")
    builder.add_edge("make_answer", END)
    return builder.compile()
