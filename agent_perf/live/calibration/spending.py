"""
A limit on dollars: the most that a call may cost is set aside before it is made.
"""

from __future__ import annotations

from agent_perf.sim.services.llm.prices import Price
from agent_perf.units import NS


class Purse:
    """
    What may be spent, in billionths of a dollar.

    Args:
        limit_usd: Dollars, finite, >= 0.
        price: Of what is bought.

    Attributes:
        spent_nanousd: What was paid, and what was set aside for calls without a bill.
    """

    def __init__(self, limit_usd: float, price: Price) -> None:
        self._limit_nanousd = int(limit_usd * NS)
        self._price = price
        self.spent_nanousd = 0

    def most_nanousd(self, prompt_bytes: int, tokens_max: int) -> int:
        """Return the most that a call may cost: a token for each byte, and the longest answer."""
        return self._price.cost_nanousd(prompt_bytes, tokens_max)

    def reserve(self, prompt_bytes: int, tokens_max: int) -> bool:
        """Set that aside; False, and nothing, if the limit would be passed."""
        most = self.most_nanousd(prompt_bytes, tokens_max)
        if self.spent_nanousd + most > self._limit_nanousd:
            return False
        self.spent_nanousd += most
        return True

    def settle(self, prompt_bytes: int, tokens_max: int, prompt: int, output: int) -> None:
        """
        Put the bill in the place of what `reserve` set aside for the same call.

        Args:
            prompt_bytes: As reserved.
            tokens_max: Likewise.
            prompt: Tokens of the prompt on the bill.
            output: Tokens of the answer on the bill.
        """
        self.spent_nanousd -= self.most_nanousd(prompt_bytes, tokens_max)
        self.spent_nanousd += self._price.cost_nanousd(prompt, output)
