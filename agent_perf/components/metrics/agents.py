"""
What each agent's requests came to, and what those of all did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from agent_perf.components.metrics.families import OTHER, label_text
from agent_perf.components.metrics.histogram import LATENCY_BOUNDS_S, Histogram, HistogramSnapshot
from agent_perf.components.metrics.history import SuccessHistory
from agent_perf.components.metrics.instruments import Labelled
from agent_perf.errors import ConfigError


class Tokens(Protocol):
    """What a request used: `Usage`."""

    @property
    def tokens_in(self) -> int:
        """Tokens read."""

    @property
    def tokens_out(self) -> int:
        """Tokens written."""


class Answered(Protocol):
    """What an agent gives: `Answer`."""

    @property
    def usage(self) -> Tokens:
        """What it used."""

    @property
    def cost_usd(self) -> float:
        """What that cost."""

    @property
    def duration_s(self) -> float:
        """How long it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFigures:
    """
    One agent, or all of them, since the beginning.

    Attributes:
        requests: Requests that ended.
        errors: Category to the requests that failed so.
        latency_s: Of all requests; a time-out is an answer that came late, not none.
        tokens_in: Tokens read by models.
        tokens_out: Tokens written by models.
        cost_usd: What they cost.
        success_ratio: Of the last hour, or as long as the history is; None without requests.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"success_ratio"})

    requests: int
    errors: Mapping[str, int]
    latency_s: HistogramSnapshot
    tokens_in: int
    tokens_out: int
    cost_usd: float
    success_ratio: float | None


class AgentMetrics:
    """
    Takes note of agents' requests, and gives figures of each and of all; for any thread.

    Args:
        agents_max: Agents told apart, >= 1; further ones are counted together as ``other``.
        categories_max: Error categories told apart, >= 1; likewise.
        bounds: Of the latency histograms, in seconds; as in Histogram.
        history: Makes the success history of an agent; by default an hour of minutes.

    Example::

        agents = AgentMetrics()
        agents.add_answer("support", await support.ask(question))
        agents.figures("support").latency_s.quantile(0.95)
        metrics.watch("agent", agents.stats, keys=AgentMetrics.KEYS)
    """

    KEYS: ClassVar[Mapping[str, str]] = {"": "agent", "errors": "category"}
    """What the labels are called where it is watched."""

    def __init__(
        self,
        *,
        agents_max: int = 100,
        categories_max: int = 50,
        bounds: tuple[float, ...] = LATENCY_BOUNDS_S,
        history: Callable[[], SuccessHistory] = SuccessHistory,
    ) -> None:
        if agents_max < 1 or categories_max < 1:
            raise ConfigError(
                f"agents_max={agents_max}, categories_max={categories_max}; want >= 1"
            )
        # Bad options are to be noticed here, and not with the first request.
        self._bounds = Histogram(bounds=bounds).bounds
        self._all = history()
        self._tallies = Labelled(
            "agent",
            ("agent",),
            lambda: _Tally(bounds, history(), categories_max),
            series_max=agents_max + 1,
        )

    def add_answer(self, agent: str, answer: Answered) -> None:
        """Take note of a request that was answered."""
        self.add(
            agent,
            latency_s=answer.duration_s,
            tokens_in=answer.usage.tokens_in,
            tokens_out=answer.usage.tokens_out,
            cost_usd=answer.cost_usd,
        )

    def add(
        self,
        agent: str,
        *,
        latency_s: float,
        error: object = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        cost_usd: float = 0.0,
    ) -> None:
        """
        Take note of a request that ended.

        Args:
            agent: Whose it was.
            latency_s: How long it took, failed or not.
            error: Its category if it failed, such as an ErrorCategory; None if not.
            tokens_in: Tokens read, >= 0; those of failed requests were paid, too.
            tokens_out: Tokens written, >= 0.
            cost_usd: What they cost, >= 0.
        """
        tally = self._tallies.of(agent)
        tally.requests += 1
        tally.latency_s.observe(latency_s)
        tally.tokens_in += tokens_in
        tally.tokens_out += tokens_out
        tally.cost_usd += cost_usd
        if error is not None:
            tally.add_error(error)
        tally.history.add(success=error is None)
        self._all.add(success=error is None)

    def history(self, agent: str | None = None) -> SuccessHistory:
        """Return how often *agent*, or any if None, succeeded over time."""
        return self._all if agent is None else self._tallies.of(agent).history

    def figures(self, agent: str | None = None) -> AgentFigures:
        """Return the figures of *agent*; of all together if None."""
        if agent is not None:
            return _figures([self._tallies.of(agent)], self._bounds, self.history(agent))
        tallies = [tally for _, tally in self._tallies.series()]
        return _figures(tallies, self._bounds, self._all)

    def stats(self) -> dict[str, AgentFigures]:
        """Return each agent's figures."""
        return {
            labels[0][1]: _figures([tally], self._bounds, tally.history)
            for labels, tally in self._tallies.series()
        }


class _Tally:
    __slots__ = (
        "_categories_max",
        "cost_usd",
        "errors",
        "history",
        "latency_s",
        "requests",
        "tokens_in",
        "tokens_out",
    )

    def __init__(
        self, bounds: tuple[float, ...], history: SuccessHistory, categories_max: int
    ) -> None:
        self.requests = self.tokens_in = self.tokens_out = 0
        self.cost_usd = 0.0
        self.errors: Counter[str] = Counter()
        self.latency_s = Histogram(bounds=bounds)
        self.history = history
        self._categories_max = categories_max

    def add_error(self, error: object) -> None:
        category = label_text(error)
        if category not in self.errors and len(self.errors) >= self._categories_max:
            category = OTHER
        self.errors[category] += 1


def _figures(
    tallies: Iterable[_Tally], bounds: tuple[float, ...], history: SuccessHistory
) -> AgentFigures:
    tallies = list(tallies)
    latency_s, errors = Histogram(bounds=bounds), Counter[str]()
    for tally in tallies:
        latency_s.merge(tally.latency_s)
        errors.update(tally.errors.copy())
    return AgentFigures(
        requests=sum(tally.requests for tally in tallies),
        errors=dict(errors),
        latency_s=latency_s.snapshot(),
        tokens_in=sum(tally.tokens_in for tally in tallies),
        tokens_out=sum(tally.tokens_out for tally in tallies),
        cost_usd=sum(tally.cost_usd for tally in tallies),
        success_ratio=history.ratio(),
    )
