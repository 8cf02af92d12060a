"""
Everything that agent-perf raises on purpose.

One class per thing that a caller would do differently; each knows the exit
code of a process that ends with it.
"""

from __future__ import annotations

from typing import ClassVar


class AgentPerfError(Exception):
    """Base of all our errors. Message: what is wrong, the value, the way out."""

    exit_code: ClassVar[int] = 3


class UsageError(AgentPerfError):
    """The command line, a name or an argument cannot be used as given."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or a declared value is not valid."""


class RepositoryError(UsageError):
    """Git cannot give what was asked for: unknown ref, shallow clone, no repository."""


class BrokenError(AgentPerfError):
    """What should be measured does not work: it raised, hung or gave no number."""


class TargetImportError(BrokenError):
    """The code under test, or a benchmark file, cannot be imported."""


class TimeLimitError(BrokenError):
    """A benchmark ran longer than its time limit, and was stopped."""


class SampleError(BrokenError):
    """Samples from which no statistic can be computed: none, NaN or infinite."""


class TooFewSamplesError(SampleError):
    """Fewer samples than the statistic can stand on."""


class SimulationError(BrokenError):
    """The simulated world cannot go on."""


class SimDeadlock(SimulationError):
    """Tasks wait, and nothing is left that could wake them."""


class SimLivelock(SimulationError):
    """Steps run for ever at one instant of virtual time."""


class SimOverrun(SimulationError):
    """A simulation ran past its limit of virtual time or of steps."""


class RealWorldAccess(SimulationError):
    """Code in a simulation touched a real socket, thread, process or clock."""


class StoreError(AgentPerfError):
    """A stored file cannot be read or written: cut, foreign, too new, disk full."""


class NothingMeasuredError(AgentPerfError):
    """No benchmark gave a value, so there is nothing to judge."""

    exit_code = 5
