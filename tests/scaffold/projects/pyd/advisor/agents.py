import os
from enum import Enum

from pydantic import BaseModel, Field
from pydantic_ai import Agent

REGION = os.environ["ADVISOR_REGION"]


class Mood(Enum):
    CALM = "calm"
    ANGRY = "angry"


class Advice(BaseModel):
    summary: str = Field(description="In one sentence.")
    mood: Mood
    steps: list[str]


advisor = Agent("openai:gpt-4o-mini", output_type=Advice, instructions=f"Region {REGION}.")


@advisor.tool_plain
async def look_up(topic: str, limit: int = 3) -> str:
    return f"{topic}: nothing"
