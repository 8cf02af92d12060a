"""
CPU time in virtual time: what operations and calls cost, in integers, on every machine alike.

Without charging, code takes no time, and only waiting shows. A mode makes work show too:
per operation of a client library, or per call of a Python function.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from agent_perf.errors import ConfigError, UsageError
from agent_perf.sim.cpu_calls import CallMeter
from agent_perf.sim.warmth import Factors, Warmth, check_factors

COSTS_FILE: Final = "cpu_costs.json"
_KIB: Final = 1024
REQUESTS: Final = "requests"
"""Price of a request, charged as it begins: what is left to its own code."""
STREAMED: Final = "llm_tokens_streamed"
"""Price of a token when it comes, in place of ``llm_tokens_out``, which all have at the end."""


class CpuMode(enum.Enum):
    """What CPU time is charged for."""

    NONE = "none"
    """Nothing: code takes no virtual time."""
    OPERATIONS = "operations"
    """Operations of clients: trips, statements, requests, tokens, bytes."""
    CALLS = "calls"
    """Calls of Python functions outside of the harness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCosts:
    """
    What things cost in CPU time.

    Attributes:
        ns: Work count to ns for each unit of it.
        ns_per_kib: Work count of bytes, or ``json``, to ns for each 1,024 of it.
        ns_per_call: Of a Python function, with the C code it calls.
        source: Machine, Python and method behind the numbers, for people.
        busy: Share of the last moments that the loop was busy, to how many times *ns* work takes
            then; empty: always once.
    """

    ns: Mapping[str, int]
    ns_per_kib: Mapping[str, int]
    ns_per_call: int
    source: str = ""
    busy: Factors = ()

    def __post_init__(self) -> None:
        check_factors(self.busy)
        for name, cost in (*self.ns.items(), *self.ns_per_kib.items(), ("call", self.ns_per_call)):
            if cost < 0:
                raise ConfigError(f"CPU cost of {name!r} is {cost} ns; want an integer >= 0")

    def of(self, name: str, amount: int) -> int:
        """Return what *amount* units of work *name* cost, in ns; 0 if it has no price."""
        return self.ns.get(name, 0) * amount + self.ns_per_kib.get(name, 0) * amount // _KIB

    @property
    def digest(self) -> str:
        """Hash of all costs; the source does not count."""
        costs = (sorted(self.ns.items()), sorted(self.ns_per_kib.items()), self.ns_per_call)
        return sha256(repr((*costs, self.busy) if self.busy else costs).encode()).hexdigest()


def load_costs(data: bytes, source: str) -> CpuCosts:
    """
    Return the costs in a file's content.

    Args:
        data: JSON, as `agent-perf calibrate` writes it.
        source: Where it was read, for messages.

    Raises:
        ConfigError: If it is no such file, or a cost is no integer >= 0.
    """
    try:
        return msgspec.json.decode(data, type=CpuCosts)
    except (msgspec.DecodeError, ConfigError, RecursionError) as error:
        raise ConfigError(
            f"{source} does not hold CPU costs ({error}); make it again with `agent-perf calibrate`"
        ) from error


def costs_for(scenario_source: Path) -> CpuCosts:
    """Return the project's costs, from `cpu_costs.json` beside the scenario's file, or ours."""
    path = scenario_source.parent / COSTS_FILE
    return load_costs(path.read_bytes(), str(path)) if path.is_file() else default_costs()


@cache
def default_costs() -> CpuCosts:
    """Return the costs that come with the harness."""
    path = Path(__file__).with_name(COSTS_FILE)
    return load_costs(path.read_bytes(), str(path))


@dataclass(slots=True, kw_only=True)
class CpuCharging:
    """
    How one simulation charges for CPU time.

    Attributes:
        mode: What for.
        costs: How much.
    """

    mode: CpuMode
    costs: CpuCosts
    _charge: Callable[[int], None] | None = field(init=False, default=None)
    _meter: CallMeter | None = field(init=False, default=None)
    _warmth: Warmth | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.mode is CpuMode.CALLS:
            self._meter = CallMeter(self.costs.ns_per_call)

    @property
    def key(self) -> str:
        """What makes runs comparable: the mode and its costs; empty if nothing is charged."""
        return "" if self.mode is CpuMode.NONE else f"{self.mode.value}-{self.costs.digest[:8]}"

    @property
    def meter(self) -> CallMeter | None:
        """For simulate()."""
        return self._meter

    def begin(self, charge: Callable[[int], None], now_ns: Callable[[], int]) -> None:
        """
        Charge by *charge*, in ns, from now on; calls are counted from `warmed_up` on.

        *now_ns* reads the clock of the loop that is charged.
        """
        self._charge = charge
        self._warmth = Warmth(self.costs.busy, now_ns) if self.costs.busy else None

    def warmed_up(self) -> None:
        """
        Count calls from here on.

        What is done once per process, imports and caches, depends on what the process
        did before; a warm-up does it.
        """
        if self._meter is not None:
            self._meter.counting = True

    def work(self, name: str, amount: int) -> None:
        """Charge for *amount* units of work *name*, if operations are charged for."""
        if self.mode is CpuMode.OPERATIONS:
            self.spend(self.costs.of(name, amount))

    @property
    def token_work(self) -> Callable[[int], None] | None:
        """What charges for tokens as a stream brings them; None if they have no such price."""
        ns = self.costs.ns.get(STREAMED, 0) if self.mode is CpuMode.OPERATIONS else 0
        return (lambda tokens: self.spend(ns * tokens)) if ns else None

    def spend(self, ns: int) -> None:
        """Charge *ns* in any mode but NONE."""
        if self._charge is not None and self.mode is not CpuMode.NONE:
            self._charge(ns if self._warmth is None else self._warmth.priced(ns))

    def spend_on_bytes(self, operation: str, size_bytes: int) -> None:
        """
        Charge what *operation* costs for *size_bytes*, in any mode but NONE.

        Raises:
            UsageError: If the operation has no price per KiB.
        """
        if operation not in self.costs.ns_per_kib:
            raise UsageError(
                f"no CPU cost per KiB for {operation!r}; there are {sorted(self.costs.ns_per_kib)}"
            )
        self.spend(self.costs.of(operation, size_bytes))
