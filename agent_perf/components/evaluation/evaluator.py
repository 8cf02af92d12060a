"""
Evaluates many examples with several judges: bounded, paced, paid for within a budget, saved.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

from agent_perf.components.evaluation.examples import Example, Judge, System, digest_of
from agent_perf.components.evaluation.journal import Journal
from agent_perf.components.evaluation.memory import Recall, ResultCache
from agent_perf.components.evaluation.meter import FREE
from agent_perf.components.evaluation.outcome import Account, Evaluation, EvaluatorStats
from agent_perf.components.evaluation.pace import Pace
from agent_perf.components.evaluation.purse import PICO
from agent_perf.components.evaluation.run import Run
from agent_perf.components.evaluation.terms import Progress, Terms
from agent_perf.components.resilience.retry import RetryPolicy
from agent_perf.errors import ConfigError


class Evaluator:
    """
    Asks a system, and judges what it answers.

    Spent dollars and those that calls under way may come to never exceed *max_cost_usd*: a
    call is made only if the most that it may cost still fits. With a journal that holds
    across crashes, and what was saved is not paid for again.

    Args:
        judges: Who judges; at least one, unless there is a system. No two share a name.
        system: Who answers examples without an output; None if all have one.
        max_cost_usd: The budget of a run, resumed ones counted together, >= 0; None for no
            limit.
        concurrency: Steps at a time, >= 1.
        requests_per_min: Calls per minute, > 0; None for no limit.
        tokens_per_min: Tokens per minute, > 0; likewise.
        timeout_s: Longest call, > 0; None for no limit.
        retry: How often a call is tried.
        cache: Remembers results beyond runs, by what they depend on. None: nothing does.
        free: Errors of calls that nobody bills. Every other failed call counts as having
            cost the most that it may.
        on_progress: Told after each step.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        evaluator = Evaluator([ExactMatch()], max_cost_usd=1.0)
        examples = [Example(id="1", input="2 + 2", expected="4", output="4")]
        evaluation = await evaluator.evaluate(examples)
    """

    def __init__(  # noqa: PLR0913 (all but the first are optional, and named)
        self,
        judges: Sequence[Judge],
        *,
        system: System | None = None,
        max_cost_usd: float | None = None,
        concurrency: int = 8,
        requests_per_min: float | None = None,
        tokens_per_min: float | None = None,
        timeout_s: float | None = 60.0,
        retry: RetryPolicy | None = None,
        cache: ResultCache | None = None,
        free: tuple[type[Exception], ...] = FREE,
        on_progress: Callable[[Progress], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        names = [judge.name for judge in judges]
        if len(set(names)) < len(names) or (not names and system is None):
            raise ConfigError(f"judges {names}; want one or more, with names of their own")
        for judge in judges:
            if judge.batch_max < 1:
                raise ConfigError(f"judge {judge.name!r}: batch_max={judge.batch_max}; want >= 1")
        if concurrency < 1 or (timeout_s is not None and not timeout_s > 0):
            raise ConfigError(
                f"concurrency={concurrency}, timeout_s={timeout_s}; want >= 1, and > 0 or None"
            )
        if max_cost_usd is not None and not 0 <= max_cost_usd < math.inf:
            raise ConfigError(f"max_cost_usd={max_cost_usd}; want finite dollars >= 0, or None")
        self._clock = time.monotonic if clock is None else clock
        self._account = Account()
        self._terms = Terms(
            judges=tuple(judges),
            system=system,
            max_cost_usd=max_cost_usd,
            concurrency=concurrency,
            pace=Pace(
                requests_per_min=requests_per_min,
                tokens_per_min=tokens_per_min,
                clock=self._clock,
            ),
            timeout_s=timeout_s,
            retry=retry or RetryPolicy(),
            recall=Recall(cache),
            free=free,
            on_progress=on_progress,
            clock=self._clock,
            note=self._account.add,
        )
        self._runs: set[Run] = set()
        self._examples = self._unjudged = 0

    @property
    def configuration(self) -> str:
        """A digest of the judges and the system; journals are of one."""
        system = self._terms.system
        return digest_of(
            [(judge.name, judge.version) for judge in self._terms.judges],
            None if system is None else (system.name, system.version),
        )

    async def evaluate(
        self, examples: Iterable[Example], *, journal: Journal | None = None
    ) -> Evaluation:
        """
        Return what the judges say of *examples*, in their order.

        An example that fails is a row that says so. If this is cancelled, or raises, the
        journal has what was done until then.

        Args:
            examples: Read as they are needed; ids differ.
            journal: Where results are saved and found. None: nowhere.

        Raises:
            ConfigError: If two examples share an id, one has no output and there is no
                system, or the journal is of other judges or another system.
            StoreError: If the journal cannot be read or written.
        """
        run = Run(self._terms, examples, journal)
        self._runs.add(run)
        try:
            return await run.complete(self.configuration)
        finally:
            self._runs.discard(run)
            self._examples += run.progress.examples
            self._unjudged += run.unjudged

    def stats(self) -> EvaluatorStats:
        """Return what it has done so far."""
        account, now = self._account, [run.progress for run in self._runs]
        return EvaluatorStats(
            examples=self._examples + sum(one.examples for one in now),
            calls=account.calls,
            calls_failed=account.failed,
            found=account.found,
            cache_failures=self._terms.recall.failures,
            unjudged=self._unjudged + sum(one.unjudged for one in now),
            tokens_in=account.usage.tokens_in,
            tokens_out=account.usage.tokens_out,
            cost_usd=account.cost_pico / PICO,
            in_flight=sum(one.in_flight for one in now),
            reserved_usd=sum(one.reserved_usd for one in now),
        )
