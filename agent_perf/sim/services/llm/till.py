"""
What calls cost, told to the witness.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_perf.sim.request import Witness
from agent_perf.sim.services.llm.api import Usage
from agent_perf.sim.services.llm.prices import Price, base_name
from agent_perf.sim.services.llm.refusal import Refusal


class Till:
    """
    Counts llm_tokens_in, llm_tokens_cached (part of those), llm_tokens_out and
    llm_cost_nanousd. Detail: the model's name.

    Args:
        witness: Who is told.
        prices: By the model's name, with or without its date.
        default_price: Of other models; None: they do not exist.
    """

    def __init__(
        self, witness: Witness, prices: Mapping[str, Price], default_price: Price | None
    ) -> None:
        self._witness = witness
        self._default_price = default_price
        self.prices = dict(prices)

    def price(self, model: str) -> Price | None:
        """Return what *model* costs; None if there is no such model."""
        price = self.prices.get(model)
        return price or self.prices.get(base_name(model), self._default_price)

    def check(self, model: str) -> None:
        """
        Check that there is such a model.

        Raises:
            Refusal: If not: status 404.
        """
        if self.price(model) is None:
            raise Refusal(
                404,
                f"The model `{model}` does not exist or you do not have access to it.",
                code="model_not_found",
            )

    def bill_prompt(self, model: str, usage: Usage) -> None:
        """Bill the prompt of an answer."""
        price = self.price(model)
        assert price is not None
        if usage.prompt:
            self._witness.count("llm_tokens_in", usage.prompt, model)
        if usage.cached:
            self._witness.count("llm_tokens_cached", usage.cached, model)
        cost = price.cost_nanousd(usage.prompt, 0, cached=usage.cached, written=usage.written)
        if cost:
            self._witness.count("llm_cost_nanousd", cost, model)

    def bill_output(self, model: str, tokens: int) -> None:
        """Bill what was said."""
        price = self.price(model)
        assert price is not None
        if tokens:
            self._witness.count("llm_tokens_out", tokens, model)
        if tokens * price.token_out_nanousd:
            self._witness.count("llm_cost_nanousd", tokens * price.token_out_nanousd, model)
