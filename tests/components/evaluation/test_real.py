"""Evaluations over real sockets and files, by real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import openai
import pytest

from agent_perf.components import (
    Evaluation,
    Evaluator,
    OpenAiModel,
    RetryPolicy,
    RubricJudge,
)
from tests.components.evaluation.api import Api, Fate
from tests.components.evaluation.evaluating import evaluate
from tests.components.evaluation.judging import examples, model

AT_ONCE = RetryPolicy(attempts=4, wait_s_first=0.01, wait_s_max=0.02, jitter_s_max=0.0)


async def judged(fate: Fate, count: int, **options: object) -> tuple[Evaluation, Api]:
    async with Api(fate) as api, openai.AsyncOpenAI(api_key="x", base_url=api.base_url) as client:
        judge = RubricJudge(model(OpenAiModel(client, "m", max_completion_tokens=50)), "good?")
        evaluator = Evaluator([judge], **{"retry": AT_ONCE} | options)
        return await evaluator.evaluate(examples(count)), api


def test_a_real_api_is_asked_once_for_each() -> None:
    """
    Over a real socket each example is graded once, and costs what the API says.
    """
    result, api = asyncio.run(judged(lambda number, question: "", 20))

    assert 20 == api.calls == sum(row.judgements["rubric"].passed for row in result.rows)
    assert pytest.approx(20 * 200e-6) == result.cost_usd


def test_a_real_api_that_misbehaves_is_asked_again() -> None:
    """
    Refusals, errors, broken streams and bad JSON in turn: all are graded in the end, the
    budget counts what may have been billed, and a refusal as nothing.
    """
    fates = ("429", "500", "cut", "bad json")
    result, api = asyncio.run(
        judged(lambda number, question: fates[number - 1] if number <= 4 else "", 8, concurrency=1)
    )

    assert () == result.failed
    assert {1} == set(api.answered.values())
    totals = result.judging["rubric"]
    assert (8 + 4, 3) == (totals.calls, totals.calls_failed)
    # The first example was refused, failed and cut; of these calls two may have been billed.
    assert pytest.approx(9 * 200e-6) == result.cost_usd - result.assumed_usd
    assert result.assumed_usd > 0


def test_a_real_api_that_stalls_is_left() -> None:
    """
    A call without an end is given up after timeout_s, and the others are graded.
    """
    once = RetryPolicy(attempts=1)
    result, _ = asyncio.run(
        judged(
            lambda number, question: "stall" if question == "question 1" else "",
            4,
            timeout_s=1.0,
            retry=once,
        )
    )

    assert ("e1",) == result.failed
    assert 1 == result.judging["rubric"].calls_failed


@pytest.mark.parametrize("kill_at", [3, 17])
def test_a_killed_process_is_taken_up(kill_at: int, tmp_path: Path) -> None:
    """
    A process is killed with SIGKILL in the middle; another one takes it up. All rows are
    there, what was saved is not asked for again, and what was open counts.
    """
    count = 30

    async def main() -> tuple[Evaluation, Api, set[str]]:
        async with Api(delay_s=0.01) as api:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.components.evaluation.evaluating",
                api.base_url,
                str(tmp_path),
                str(count),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
            while api.calls < kill_at:
                api.seen.clear()
                await asyncio.wait_for(api.seen.wait(), 60)
            process.send_signal(signal.SIGKILL)
            assert -signal.SIGKILL == await process.wait()
            left = (tmp_path / "run.jsonl").read_text()
            saved = {
                item[0]
                for line in left.splitlines()
                if line.endswith("}") and '"items"' in line
                for item in json.loads(line)["items"]
            }
            await asyncio.sleep(0.05)
            before = api.answered.copy()
            result = await evaluate(api.base_url, tmp_path, count)
            again = {f"e{q.split()[1]}" for q, n in api.answered.items() if n > before[q]}
            assert saved.isdisjoint(again)
            return result, api, saved

    result, api, saved = asyncio.run(main())

    assert len(saved) < count
    assert [f"e{n}" for n in range(count)] == [row.example.id for row in result.rows]
    assert () == result.failed == result.undone
    # At most those four that were under way were answered twice.
    assert count <= sum(api.answered.values()) <= count + 4
    assert sum(api.answered.values()) * 200e-6 <= result.cost_usd + 1e-9
