"""An evaluation in virtual time."""

from __future__ import annotations

from agent_perf.components import (
    Evaluation,
    Evaluator,
    Example,
)
from agent_perf.sim import SimLoop, simulate


def evaluate(
    evaluator: Evaluator, asked: list[Example], seconds: float | None = None
) -> Evaluation:
    """Return the evaluation, which takes *seconds* of virtual time."""

    async def main(loop: SimLoop) -> Evaluation:
        result = await evaluator.evaluate(asked)
        assert seconds in {None, round(loop.time(), 6)}
        return result

    return simulate(main)
