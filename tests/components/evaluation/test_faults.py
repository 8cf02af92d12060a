"""The simulated API, through the real client: exact in virtual time, whatever it does."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from agent_perf.components import (
    DiskCache,
    ErrorCategory,
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    OpenAiModel,
    RedisStore,
    RetryPolicy,
    RubricJudge,
    Serializer,
    Unjudged,
)
from agent_perf.sim import SimHttp, SimLlm, SimLoop, SimRedis, llm, simulate
from tests.components.evaluation.judging import Grader, examples, model
from tests.components.fakes import Counts, constant_draws

RETRY = RetryPolicy(attempts=3, wait_s_first=1.0, wait_s_max=8.0, jitter_s_max=0.0)


def graded(chat: Any) -> str:
    rows = json.loads(chat.last_user_text.split("\n")[1])
    return json.dumps({"grades": [{"number": row["number"], "score": 5} for row in rows]})


def fickle(chat: Any) -> str:
    """Say nonsense at first, and grade when told so."""
    if chat.last_user_text.startswith("<attempts>"):
        return "I'd say five."
    return '{"grades": [{"number": 1, "score": 5}]}'


def judged(*turns: object, count: int = 1, **options: object) -> tuple[Evaluation, float, Counts]:
    """Return what an evaluation comes to, its virtual seconds, and what it took."""

    async def main(loop: SimLoop) -> tuple[Evaluation, float, Counts]:
        counts = Counts()
        draws = constant_draws(
            http_connect=0.0, http_request=0.0, llm_first_token=0.5, llm_token=0.0
        )
        http = SimHttp(draws, counts)
        server = SimLlm(http, draws, counts)
        server.script(*turns)
        async with http.client(httpx2) as client:
            api = AsyncOpenAI(api_key="x", base_url=server.base_url, http_client=client)
            judge = RubricJudge(
                model(OpenAiModel(api, "gpt-4o-mini", max_completion_tokens=50)), "good?"
            )
            evaluator = Evaluator([judge], **{"retry": RETRY} | options)
            result = await evaluator.evaluate(examples(count))
        return result, round(loop.time(), 6), counts

    return simulate(main, executor="inline")


FINE = llm.templated(graded)


@pytest.mark.parametrize(
    ("turns", "seconds", "calls", "failed_calls"),
    [
        ((FINE,), 0.5, 1, 0),
        ((llm.rate_limited(7), FINE), 7.5, 2, 1),
        ((llm.fail(500), FINE), 1.5, 2, 1),
        ((llm.fail(503), llm.fail(503), FINE), 1 + 2 + 0.5, 3, 2),
        ((llm.templated(fickle),), 1.0, 2, 0),
    ],
)
def test_it_is_graded_in_the_end(
    turns: tuple[object, ...], seconds: float, calls: int, failed_calls: int
) -> None:
    """
    A refusal is waited out, an error retried after a second and then two, nonsense asked
    again at once: graded in the end, at the very instant that follows.
    """
    result, took_s, counts = judged(*turns)

    assert () == result.failed
    assert seconds == took_s
    totals = result.judging["rubric"]
    assert (calls, failed_calls) == (totals.calls, totals.calls_failed)
    assert calls == counts.total["llm_calls"]


@pytest.mark.parametrize(
    ("turns", "category"),
    [
        ((llm.fail(500),), ErrorCategory.NETWORK),
        ((llm.rate_limited(1),), ErrorCategory.RATE_LIMIT),
        ((llm.fail(401),), ErrorCategory.MODEL),
        ((llm.text("no"),), ErrorCategory.MODEL),
        ((llm.stall(after_tokens=2),), ErrorCategory.TIMEOUT),
    ],
)
def test_what_stays_broken_has_its_category(
    turns: tuple[object, ...], category: ErrorCategory
) -> None:
    """
    What never gets better is told with its category, for each example, and ends.
    """
    result, _, _ = judged(*turns, count=3, timeout_s=2.0)

    for row in result.rows:
        said = row.judgements["rubric"]
        assert isinstance(said, Unjudged)
        assert category is said.category


def test_a_stalled_stream_is_left_at_its_time_out() -> None:
    """
    A stream that falls silent is given up two seconds after it was begun, and tried again.
    """
    result, took_s, _ = judged(llm.stall(after_tokens=2), FINE, timeout_s=2.0)

    assert () == result.failed
    assert 2.0 + 1.0 + 0.5 == took_s


def test_the_bill_is_the_providers() -> None:
    """
    What is counted as spent is what the provider bills, at its own prices, to the token.
    """
    result, _, counts = judged(FINE, count=20)
    usage = result.judging["rubric"].usage

    assert counts.total["llm_tokens_in"] == usage.tokens_in
    assert counts.total["llm_tokens_out"] == usage.tokens_out
    assert 0 == result.assumed_usd


def test_results_are_found_on_disk(tmp_path: Path) -> None:
    """
    A cache in a file serves as well: another process's evaluation asks nobody.
    """
    grader = Grader(seconds=0.0)

    async def main() -> Evaluation:
        cache = DiskCache(tmp_path / "grades.db", serializer=Serializer(str))
        try:
            judge = RubricJudge(model(grader), "good?", batch_max=4)
            return await Evaluator([judge], cache=cache).evaluate(examples(10))
        finally:
            await cache.aclose()

    first, second = asyncio.run(main()), asyncio.run(main())

    assert 3 == len(grader.calls)
    assert first.rows == second.rows
    assert 10 == second.judging["rubric"].found


def test_results_are_found_in_redis() -> None:
    """
    A store in Redis serves as the cache of results: the second evaluation asks nobody.
    """
    grader = Grader()

    async def main(loop: SimLoop) -> tuple[Evaluation, Evaluation]:
        redis = SimRedis(constant_draws(redis_trip=0.001, redis_connect=0.0), Counts())
        async with redis.client() as client:
            store = RedisStore(client, namespace="grades", kind=str, ttl_s=3_600)
            results = []
            for _ in range(2):
                judge = RubricJudge(model(grader), "good?", batch_max=4)
                results.append(await Evaluator([judge], cache=store).evaluate(examples(10)))
        return results[0], results[1]

    first, second = simulate(main)

    assert 3 == len(grader.calls)
    assert first.rows == second.rows
    assert (10, 0.0) == (second.judging["rubric"].found, second.cost_usd)


def test_ten_thousand_examples_take_bounded_memory() -> None:
    """
    10,000 examples, made as they are read: their rows are kept, at less than 2 KB each,
    and no more tasks are alive than may run.
    """
    alive: list[int] = []

    def source(count: int = 10_000) -> Iterator[Example]:
        for n in range(count):
            yield Example(id=f"e{n}", input="?", expected="x", output="x")

    async def main() -> Evaluation:
        judge = RubricJudge(model(Grader(seconds=0.0)), "good?")

        def note(_: object) -> None:
            alive.append(len(asyncio.all_tasks()))

        evaluator = Evaluator([ExactMatch(), judge], concurrency=7, on_progress=note)
        return await evaluator.evaluate(source(2_000))

    tracemalloc.start()
    try:
        result = asyncio.run(Evaluator([ExactMatch()]).evaluate(source()))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 10_000 == len(result.rows)
    assert peak_bytes < 2_000 * 10_000
    del result

    asyncio.run(main())
    assert max(alive) <= 7 + 1
