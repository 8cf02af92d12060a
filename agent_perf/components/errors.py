"""
What the components raise on purpose: one class per thing a caller would do differently.
"""

from __future__ import annotations

from agent_perf.errors import AgentPerfError


class SerializerError(AgentPerfError):
    """Stored bytes are foreign, damaged or too large, or a value cannot be stored."""


class CircuitOpenError(AgentPerfError):
    """
    The circuit breaker refuses the call, because those before it failed.

    Attributes:
        retry_after_s: Seconds until it lets a probe through, >= 0.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailableError(AgentPerfError):
    """The store is down, or does not answer in time; what was asked for was not done."""


class EventError(AgentPerfError):
    """An event cannot be accepted or delivered."""


class InvalidEventError(EventError):
    """A channel, a name, a socket id or a payload that the protocol does not allow."""


class QueueFullError(EventError):
    """The batcher holds as many events as it may: slow down, or drop the event knowingly."""


class BatcherClosedError(EventError):
    """Events were published after, or are left over from, the end of the batcher."""


class EventRefusedError(EventError):
    """
    The event service says no, and would say no again.

    Attributes:
        status: Its HTTP status, 300 to 499.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class EventDeliveryError(EventError):
    """
    The event service could not take the events now; the same call may succeed later.

    Attributes:
        retry_after_s: Seconds that the service asks us to wait; None if it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelError(AgentPerfError):
    """The model gave no usable answer."""


class ModelRateLimitError(ModelError):
    """
    The model's provider asks us to slow down.

    Attributes:
        retry_after_s: Seconds that it asks us to wait; None if it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelUnavailableError(ModelError):
    """The model's provider cannot be reached, hung up, or answered with a server error."""


class ModelTimeoutError(ModelError):
    """The model's provider took too long."""


class ModelReplyError(ModelError):
    """The model's reply cannot be used: cut, empty, or tools called for ever."""


class BudgetError(AgentPerfError):
    """A request has spent the tokens or dollars that it may."""
