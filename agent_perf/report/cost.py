"""
What the model calls of a request cost, base against head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Run
from agent_perf.report.drawing import Table
from agent_perf.report.standing import Standing
from agent_perf.report.text import ARROW, change, quantity
from agent_perf.units import NS, format_value

_COST: Final = "llm_cost_nanousd"
_ROWS_SHOWN: Final = 6
_ROWS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """
    One model in one benchmark; every figure is per request, None where there is no run.

    Attributes:
        model: Its name; empty if the run does not tell.
        base_usd: Dollars of the base.
        head_usd: Dollars of the head.
        tokens_in: Prompt tokens, base and head.
        tokens_out: Completion tokens, base and head.
    """

    benchmark: str
    model: str
    base_usd: float | None
    head_usd: float | None
    tokens_in: tuple[float | None, float | None]
    tokens_out: tuple[float | None, float | None]

    @property
    def change_ratio(self) -> float | None:
        """Of the dollars; None if either is missing, inf from nothing."""
        if self.base_usd is None or self.head_usd is None:
            return None
        if not self.base_usd:
            return float("inf") if self.head_usd else 0.0
        return self.head_usd / self.base_usd - 1


def model_costs(standings: Sequence[Standing]) -> tuple[ModelCost, ...]:
    """Return what each model of each benchmark costs, in the order of *standings*."""
    return tuple(
        ModelCost(
            benchmark=one.benchmark,
            model=model,
            base_usd=_usd(one.base, model),
            head_usd=_usd(one.head, model),
            tokens_in=_both(one, "llm_tokens_in", model),
            tokens_out=_both(one, "llm_tokens_out", model),
        )
        for one in standings
        for model in _models(one)
    )


def cost_table(costs: Sequence[ModelCost]) -> Table | None:
    """Return *costs* as a table, what changed first; None without any."""
    if not costs:
        return None
    ordered = sorted(costs, key=lambda one: one.base_usd == one.head_usd)[:_ROWS_MAX]
    changed = sum(one.base_usd != one.head_usd for one in ordered)
    return Table(
        caption="Model calls, dollars per request",
        header=(
            "Benchmark",
            "Model",
            "Base",
            "Head",
            "Change",
            "Head, 1,000 requests",
            "Prompt tokens",
            "Completion tokens",
        ),
        rows=tuple(
            (
                one.benchmark,
                one.model or "–",
                quantity(one.base_usd, "usd"),
                quantity(one.head_usd, "usd"),
                change(one.change_ratio),
                quantity(None if one.head_usd is None else round(one.head_usd * 1000, 6), "usd"),
                _tokens(one.tokens_in),
                _tokens(one.tokens_out),
            )
            for one in ordered
        ),
        words=(1,),
        note="By the prices that the scenario is given for its models. Tokens are per request.",
        first_rows=max(changed, _ROWS_SHOWN),
    )


def cost_document(costs: Sequence[ModelCost]) -> list[dict[str, object]]:
    """Return *costs* as plain values of JSON."""
    return [
        {
            "benchmark": one.benchmark,
            "model": one.model,
            "base_usd_per_request": one.base_usd,
            "head_usd_per_request": one.head_usd,
            "tokens_in_per_request": list(one.tokens_in),
            "tokens_out_per_request": list(one.tokens_out),
        }
        for one in costs
    ]


def _models(standing: Standing) -> list[str]:
    """Return the models that cost anything, the dearest first; one without a name if untold."""
    totals: dict[str, int] = {}
    for run in (standing.head, standing.base):
        for key, value in run.details.items() if run else ():
            if key.startswith(f"{_COST}:"):
                model = key.partition(":")[2]
                totals[model] = max(totals.get(model, 0), value)
    if totals:
        return sorted(totals, key=lambda model: (-totals[model], model))
    paid = any(run is not None and run.counts.get(_COST) for run in (standing.base, standing.head))
    return [""] if paid else []


def _usd(run: Run | None, model: str) -> float | None:
    total = _per_request(run, _COST, model)
    return None if total is None else total / NS


def _both(standing: Standing, name: str, model: str) -> tuple[float | None, float | None]:
    return _per_request(standing.base, name, model), _per_request(standing.head, name, model)


def _per_request(run: Run | None, name: str, model: str) -> float | None:
    if run is None or not run.latency_ns:
        return None
    total = run.counts.get(name, 0)
    if model and total:
        told = any(key.startswith(f"{name}:") for key in run.details)
        # An older run paid without telling for which model: that is not nothing.
        if not told:
            return None
        total = run.details.get(f"{name}:{model}", 0)
    return total / len(run.latency_ns)


def _tokens(pair: tuple[float | None, float | None]) -> str:
    before, after = ("–" if one is None else format_value(one, "count") for one in pair)
    return after if before == after else f"{before}{ARROW}{after}"
