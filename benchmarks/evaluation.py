"""
Evaluation: a hundred examples judged by a model, and what the evaluator itself costs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

import httpx2
import msgspec

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, per_call
from agent_perf.components import (
    Contains,
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    FunctionSystem,
    Judge,
    JudgeModel,
    Matches,
    OpenAiModel,
    Output,
    Price,
    RubricJudge,
    cohens_kappa,
    krippendorff_alpha,
)
from agent_perf.sim import llm
from agent_perf.suite import Ask, Request

EXAMPLES = 100
BATCH = 5
TOKENS_OUT_MAX = 400
RATINGS = 1_000

_PRICE = Price(usd_per_token_in=0.15e-6, usd_per_token_out=0.6e-6)


def _examples(count: int, output: str | None = "x") -> list[Example]:
    return [
        Example(id=f"e{n}", input=f"What is the status of order {n}?", expected="x", output=output)
        for n in range(count)
    ]


# What the simulated client gives is a chat of the simulation, which components do not know.
def _grades(chat: Any) -> str:
    data = chat.last_user_text.removeprefix("<attempts>\n").removesuffix("\n</attempts>")
    rows = msgspec.json.decode(data)
    grades = [{"number": row["number"], "score": 5, "reason": "right"} for row in rows]
    return msgspec.json.encode({"grades": grades}).decode()


@scenario("evaluation.batch", requests=20, users=(1,), targets="evaluation.batch")
async def batch(world: World) -> AsyncIterator[Request]:
    """A hundred examples in batches of five, twenty calls at a time, through the real client."""
    world.llm.script(llm.templated(_grades))
    async with world.http.client(httpx2) as http:
        client = world.llm.openai(http_client=http)
        model = JudgeModel(
            OpenAiModel(client, "gpt-4o-mini", max_completion_tokens=TOKENS_OUT_MAX),
            version="gpt-4o-mini",
            price=_PRICE,
            tokens_out_max=TOKENS_OUT_MAX,
        )

        async def request(ask: Ask) -> None:
            judges: list[Judge] = [
                RubricJudge(model, "Is it right?", batch_max=BATCH),
                ExactMatch(),
            ]
            evaluator = Evaluator(judges, concurrency=EXAMPLES // BATCH, max_cost_usd=1.0)
            evaluation = await evaluator.evaluate(_examples(EXAMPLES))
            assert not evaluation.failed
            assert not evaluation.undone

        yield request


class Batch(ScenarioBenchmark):
    scenario = batch
    counts = ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_nanousd")

    def setup_cache(self) -> Cache:
        return self.measure()


async def _answer(_: str) -> Output:
    return Output(text="x", cost_usd=1e-6)


@cache
def _answered() -> Sequence[Example]:
    return _examples(EXAMPLES)


@cache
def _unanswered() -> Sequence[Example]:
    return _examples(EXAMPLES, None)


class Overhead:
    """The evaluator without a model; CPU time per example."""

    @per_call(EXAMPLES)
    def time_one_judge(self) -> None:
        self._evaluate([ExactMatch()])

    @per_call(EXAMPLES)
    def time_three_judges(self) -> None:
        self._evaluate([ExactMatch(), Contains(), Matches(pattern="x")])

    @per_call(EXAMPLES)
    def time_system_within_budget(self) -> None:
        system = FunctionSystem("free", _answer, version="1", cost_usd_max=1e-6)
        evaluator = Evaluator([ExactMatch()], system=system, max_cost_usd=1.0)
        evaluation: list[Evaluation] = []

        async def run() -> None:
            evaluation.append(await evaluator.evaluate(_unanswered()))

        drive(run())
        assert not evaluation[0].undone

    def peakmem_10_000_examples(self) -> None:
        self._evaluate([ExactMatch()], 10_000)

    def _evaluate(self, judges: Sequence[Judge], count: int = EXAMPLES) -> None:
        async def run() -> None:
            examples = _answered() if count == EXAMPLES else _examples(count)
            await Evaluator(judges).evaluate(examples)

        drive(run())


class Statistics:
    """Agreement of judges; CPU time per rating."""

    @per_call(RATINGS)
    def time_cohens_kappa(self) -> None:
        cohens_kappa([n % 3 for n in range(RATINGS)], [n % 4 for n in range(RATINGS)])

    @per_call(RATINGS)
    def time_krippendorff_alpha(self) -> None:
        krippendorff_alpha([[n % 3, n % 4, n % 5] for n in range(RATINGS)], level="interval")
