"""A process that evaluates until it is done, or killed: url, folder, count."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import openai

from agent_perf.components import Evaluation, Evaluator, Journal, OpenAiModel, RubricJudge
from tests.components.evaluation.judging import examples, model


async def evaluate(base_url: str, folder: Path, count: int) -> Evaluation:
    async with openai.AsyncOpenAI(api_key="x", base_url=base_url) as client:
        judge = RubricJudge(model(OpenAiModel(client, "m", max_completion_tokens=50)), "good?")
        evaluator = Evaluator([judge], concurrency=4, max_cost_usd=1.0, timeout_s=20.0)
        return await evaluator.evaluate(examples(count), journal=Journal(folder, "run"))


if __name__ == "__main__":
    asyncio.run(evaluate(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
