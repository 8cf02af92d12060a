"""A clock that a test moves."""

from __future__ import annotations


class FakeClock:
    """
    Time passes when somebody sleeps, or when the test says so.

    Attributes:
        at_ns: What time it is.
        busy_ns: CPU time so far.
    """

    def __init__(self, early_ns: int = 0) -> None:
        self.at_ns = 1_000
        self.busy_ns = 0
        self._early_ns = early_ns

    def now_ns(self) -> int:
        """As in Clock."""
        return self.at_ns

    def cpu_ns(self) -> int:
        """As in Clock."""
        return self.busy_ns

    async def sleep(self, ns: int) -> None:
        """As in Clock; ends early by *early_ns*, as timers do."""
        assert ns > 0
        self.at_ns += ns - min(self._early_ns, ns // 2)

    def work(self, ns: int) -> None:
        """Spend *ns* on a CPU."""
        self.at_ns += ns
        self.busy_ns += ns
