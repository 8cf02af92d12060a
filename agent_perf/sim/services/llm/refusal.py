"""
What an endpoint answers when it does not answer: errors, in no API's form yet.
"""

from __future__ import annotations

from typing import Final

from agent_perf.sim.services.llm.turns import Failure

_KINDS: Final = {401: "authentication_error", 403: "permission_error", 429: "requests"}
_WORDS: Final = {
    401: "Incorrect API key provided.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
    529: "Overloaded",
}


class Refusal(Exception):
    """
    The API's answer to a request that it does not take.

    Attributes:
        status: Of HTTP.
        message: For people.
        kind: OpenAI's type of the error; Anthropic's follows from the status.
        param: What in the request is wrong; None: it does not say.
        code: OpenAI's code.
        retry_after_s: How long the client is asked to wait; None: it is not.
        headers: More of them.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = headers


def refusal_of(turn: Failure) -> Refusal:
    """Return what the API says in a turn that fails."""
    kind = "server_error" if turn.status >= 500 else "invalid_request_error"
    return Refusal(
        turn.status,
        _WORDS.get(turn.status, f"Simulated failure with status {turn.status}."),
        kind=_KINDS.get(turn.status, kind),
        code="rate_limit_exceeded" if turn.status == 429 else None,
        retry_after_s=turn.retry_after_s,
    )


def seconds_text(seconds: float) -> str:
    """Return *seconds* as a header says them: without a fraction if there is none."""
    return str(int(seconds) if seconds == int(seconds) else seconds)
