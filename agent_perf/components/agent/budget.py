"""
Money that may be spent: taken before a call is made, and settled when its cost is known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from agent_perf.components.errors import BudgetError
from agent_perf.errors import ConfigError

# Sums of dollars as floats drift, and a limit must hold to the last bit. A trillionth divides
# every listed price of a token, and its half in a batch.
_PER_USD = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStats:
    """
    What became of a budget.

    Attributes:
        spent_usd: Dollars settled since the beginning.
        refused: Calls that were not made for want of money.
        exceeded: Calls that cost more than was reserved for them: their bound was wrong.
        period_spent_usd: Dollars settled in this period.
        reserved_usd: Dollars that calls under way may cost.
        limit_usd: The limit of a period.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"period_spent_usd", "reserved_usd", "limit_usd"})

    spent_usd: float
    refused: int
    exceeded: int
    period_spent_usd: float
    reserved_usd: float
    limit_usd: float


class Budget:
    """
    Dollars per period that all who share it spend together, and never exceed.

    Each call reserves what it may cost at most: however many run at a time, what is spent
    and what is reserved stays within the limit. One loop or thread at a time.

    Args:
        limit_usd: Dollars per period, finite, >= 0.
        period_s: Seconds, > 0; periods begin with multiples of it: days at midnight UTC.
            ``math.inf`` for a budget that is spent once.
        spent_usd: Already spent in this period, by an earlier process.
        clock: Seconds since 1970; ``time.time`` if not given. If it is set back, the period
            stays: money that was spent does not come back.

    Example::

        budget = Budget(20.0)
        talker = Talker(model, price=PRICES.of("gpt-5-mini"), budget=budget,
                        policy=TalkPolicy(reply_tokens_max=1_000))
    """

    def __init__(
        self,
        limit_usd: float,
        *,
        period_s: float = 86_400.0,
        spent_usd: float = 0.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not (0 <= limit_usd < math.inf and 0 <= spent_usd < math.inf and period_s > 0):
            raise ConfigError(
                f"limit_usd={limit_usd}, spent_usd={spent_usd}, period_s={period_s}; "
                "want finite, >= 0, >= 0 and > 0"
            )
        # Down: the limit is not exceeded by the rounding either.
        self._limit = math.floor(limit_usd * _PER_USD)
        self._period_s = period_s
        self._now_s = time.time if clock is None else clock
        self._period = self._now_s() // period_s
        self._period_spent = math.ceil(spent_usd * _PER_USD)
        self._earlier_spent = 0
        self._reserved = 0
        self._refused = self._exceeded = 0

    def reserve(self, usd: float) -> Reservation:
        """
        Set *usd* aside, finite and >= 0.

        Raises:
            BudgetError: If there is not so much left; nothing is set aside.
        """
        self._advance()
        amount = math.ceil(usd * _PER_USD)
        if self._period_spent + self._reserved + amount > self._limit:
            self._refused += 1
            raise BudgetError(
                f"up to ${usd:.6f} wanted; of ${self._limit / _PER_USD:.6f} "
                f"${self._period_spent / _PER_USD:.6f} are spent and "
                f"${self._reserved / _PER_USD:.6f} reserved by calls under way"
            )
        self._reserved += amount
        return Reservation(self, amount)

    def stats(self) -> BudgetStats:
        """Return what is spent and reserved."""
        self._advance()
        return BudgetStats(
            spent_usd=(self._earlier_spent + self._period_spent) / _PER_USD,
            refused=self._refused,
            exceeded=self._exceeded,
            period_spent_usd=self._period_spent / _PER_USD,
            reserved_usd=self._reserved / _PER_USD,
            limit_usd=self._limit / _PER_USD,
        )

    def _settle(self, reserved: int, spent: int) -> None:
        self._advance()
        self._reserved -= reserved
        self._period_spent += spent
        self._exceeded += spent > reserved

    def _advance(self) -> None:
        period = self._now_s() // self._period_s
        if period > self._period:
            self._period = period
            self._earlier_spent += self._period_spent
            self._period_spent = 0


class Reservation:
    """Money set aside for one call; settle it once, whatever becomes of the call."""

    __slots__ = ("_amount", "_budget")

    def __init__(self, budget: Budget, amount: int) -> None:
        self._budget: Budget | None = budget
        self._amount = amount

    def settle(self, usd: float | None) -> None:
        """
        Pay what the call cost, and give the rest back.

        Args:
            usd: Dollars; None if nobody knows: then all that was set aside counts as spent.
        """
        assert self._budget is not None, "a reservation is settled once"
        spent = self._amount if usd is None else math.ceil(usd * _PER_USD)
        self._budget._settle(self._amount, spent)
        self._budget = None
