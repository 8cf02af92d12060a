"""
What the components raise on purpose: one class per thing a caller would do differently.
"""

from __future__ import annotations

from agent_perf.errors import AgentPerfError

__all__ = [
    "BackendError",
    "BackendNotReadyError",
    "BackendStartError",
    "BackendStopError",
    "BatcherClosedError",
    "BudgetError",
    "BulkheadFullError",
    "CircuitOpenError",
    "ConnectionLostError",
    "DatabaseUnavailableError",
    "EventDeliveryError",
    "EventError",
    "EventOutcomeUnknownError",
    "EventRefusedError",
    "InvalidEventError",
    "ModelError",
    "ModelRateLimitError",
    "ModelReplyError",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "PoolExhaustedError",
    "QueryError",
    "QueryTimeoutError",
    "QueueFullError",
    "RateLimitedError",
    "SerializerError",
    "StoreUnavailableError",
    "SubscriptionRefusedError",
    "WebhookRefusedError",
]


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


class BulkheadFullError(AgentPerfError):
    """As many calls are under way, and as many wait, as may: come later, or not at all."""


class RateLimitedError(AgentPerfError):
    """
    Our own rate limiter's next turn comes too late for the caller.

    Attributes:
        retry_after_s: Seconds until there is a turn, > 0.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailableError(AgentPerfError):
    """The store is down, or does not answer in time; what was asked for was not done."""


class DatabaseUnavailableError(AgentPerfError):
    """The database cannot be reached; what was asked for was not done."""


class PoolExhaustedError(DatabaseUnavailableError):
    """All connections that are allowed were busy all the time: ask for less at once."""


class ConnectionLostError(DatabaseUnavailableError):
    """The connection was lost in mid-statement: a write may have been done, or not."""


class QueryTimeoutError(AgentPerfError):
    """The statement took longer than it may: a write may have been done, or not."""


class QueryError(AgentPerfError):
    """
    The database refuses the statement, and would refuse it again.

    Attributes:
        sqlstate: The five characters of SQL's code, from databases that give one.
    """

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class EventError(AgentPerfError):
    """An event cannot be accepted or delivered."""


class InvalidEventError(EventError):
    """A channel, a name, a socket id or a payload that the protocol does not allow."""


class SubscriptionRefusedError(EventError):
    """The user may not subscribe to the channel: answer 403."""


class WebhookRefusedError(EventError):
    """A webhook is not signed by the service, too old, or not what a webhook is: answer 401."""


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
        status: Its HTTP status; None if it did not answer.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status = status


class EventOutcomeUnknownError(EventDeliveryError):
    """
    The request was sent, and no clear answer came: the events may have been delivered.

    Sent again, they may be delivered twice; not sent again, they may be lost.
    """


class ModelError(AgentPerfError):
    """
    The model gave no usable answer.

    Attributes:
        is_free: Whether it is certain that nothing was charged: the call was refused.
    """

    is_free: bool = False


class ModelRateLimitError(ModelError):
    """
    The model's provider asks us to slow down.

    Attributes:
        retry_after_s: Seconds that it asks us to wait; None if it did not say.
    """

    is_free = True

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
    """A request, or all of them together, have spent the tokens or dollars that they may."""


class BackendError(AgentPerfError):
    """A backend's parts did not do what they should; the cause is a group of all errors."""


class BackendStartError(BackendError):
    """A critical part did not start; what had started was stopped again."""


class BackendStopError(BackendError):
    """Some parts did not stop as they should; all were told to, and the backend is stopped."""


class BackendNotReadyError(BackendError):
    """The backend does not take requests: not yet, or no more."""
