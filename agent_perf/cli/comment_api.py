"""
The comments of a pull request over HTTP: GitHub's REST API, and GitLab's notes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import httpx

from agent_perf.cli.comment_thread import Comment, Thread
from agent_perf.errors import AgentPerfError, UsageError
from agent_perf.gate import one_line

_PAGE_COUNT: Final = 100
_PAGES_MAX: Final = 100
_TRIES: Final = 3
_TIMEOUT_S: Final = 30.0
_MESSAGE_CHARS: Final = 200

_PERMISSIONS: Final = {
    "github": "give the job `permissions: pull-requests: write`; on a pull request from a fork "
    "GitHub's token may only read: see docs/ci.md",
    "gitlab": "give it the scope `api` and the role Reporter or above; CI_JOB_TOKEN may not "
    "comment",
}


class ForgeError(AgentPerfError):
    """A forge did not do what it should: it was not reached, failed, or asks us to wait."""


class CommentApi:
    """
    Reads and writes the comments of one pull request. Use it in a ``with``.

    Args:
        thread: Which.
        pause: Waits for seconds, before something is tried again.
    """

    def __init__(self, thread: Thread, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._thread = thread
        self._pause = pause
        # A redirect could lead the token to another host; none is followed.
        self._client = httpx.Client(headers=thread.headers, timeout=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def whose(self) -> str | None:
        """Return the account that the token is of; None for a token of a GitHub job."""
        answer = self._send("GET", f"{self._thread.api_url}/user", allowed=(403,))
        if answer.status_code == httpx.codes.FORBIDDEN:
            if self._thread.forge == "gitlab":
                raise self._refused(answer)
            return None
        return str(_field(self._told(answer), "login", "username"))

    def comments(self) -> Iterator[Comment]:
        """Yield every comment, page by page, the oldest first."""
        url: str | None = (
            f"{self._thread.api_url}{self._thread.comments}?per_page={_PAGE_COUNT}"
            + ("&sort=asc&order_by=created_at" if self._thread.forge == "gitlab" else "")
        )
        for _ in range(_PAGES_MAX):
            if url is None:
                return
            answer = self._send("GET", url)
            for one in self._told(answer):
                author = one.get("author") or one.get("user") or {}
                yield Comment(
                    id=int(one["id"]),
                    body=str(one.get("body") or ""),
                    author=str(_field(author, "login", "username")),
                    is_bot=author.get("type") == "Bot",
                )
            url = self._next(answer)
        raise ForgeError(
            f"{self._thread.name} has more than {_PAGES_MAX * _PAGE_COUNT:,} comments; "
            "delete some, or take the report from the job's summary"
        )

    def add(self, body: str) -> str:
        """Write a new comment; return its address, or its id."""
        # Not tried again: a comment may be there although the answer got lost.
        url = f"{self._thread.api_url}{self._thread.comments}"
        return _address(self._told(self._send("POST", url, body=body, tries=1)))

    def replace(self, comment: Comment, body: str) -> str | None:
        """Give *comment* another text; return its address, or None if it is gone."""
        method = "PATCH" if self._thread.forge == "github" else "PUT"
        url = f"{self._thread.api_url}{self._thread.comment}{comment.id}"
        answer = self._send(method, url, body=body, allowed=(404,))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _address(self._told(answer))

    def _told(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            raise ForgeError(
                f"{self._thread.api_url} answered HTTP {answer.status_code} with what is no JSON; "
                "is it the address of the API?"
            ) from error

    def _next(self, answer: httpx.Response) -> str | None:
        url = answer.links.get("next", {}).get("url")
        if url and not url.startswith(f"{self._thread.api_url}/"):
            raise ForgeError(f"the next page of comments is elsewhere ({url}); refused")
        return url

    def _send(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        tries: int = _TRIES,
        allowed: tuple[int, ...] = (),
    ) -> httpx.Response:
        for left in reversed(range(tries)):
            try:
                content = None if body is None else {"body": body}
                answer = self._client.request(method, url, json=content)
            except httpx.TransportError as error:
                if not left:
                    raise ForgeError(
                        f"{self._thread.api_url} was not reached: "
                        f"{self._harmless(str(error) or type(error).__name__)}; try again later"
                    ) from error
            else:
                if answer.is_success or (answer.status_code in allowed and not _throttled(answer)):
                    return answer
                if not left or not answer.is_server_error:
                    raise self._refused(answer)
            self._pause(2.0 ** (tries - left - 1))
        raise AssertionError("the last try returns or raises")

    def _refused(self, answer: httpx.Response) -> AgentPerfError:
        """Return what is wrong, with the way out."""
        thread, status = self._thread, answer.status_code
        said = f"{thread.name}: HTTP {status}"
        try:
            told = answer.json()
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict) and (message := told.get("message") or told.get("error")):
            said += f" ({self._harmless(str(message))})"
        if _throttled(answer):
            wait = answer.headers.get("retry-after", "some")
            return ForgeError(f"{said}: asked too often; try again in {self._harmless(wait)} s")
        match status:
            case httpx.codes.UNAUTHORIZED:
                return UsageError(f"{said}: {thread.token_name} is not valid, or has expired")
            case httpx.codes.FORBIDDEN:
                hint = _PERMISSIONS[thread.forge]
                return UsageError(f"{said}: {thread.token_name} may not comment; {hint}")
            case httpx.codes.NOT_FOUND:
                return UsageError(
                    f"{said}: there is no such pull request, or {thread.token_name} may not see it"
                )
        if answer.is_server_error:
            return ForgeError(f"{said}: the server failed; try again later")
        return ForgeError(f"{said}: refused")

    def _harmless(self, text: str) -> str:
        """Return *text* from outside on one line, short, and never with the token in it."""
        hidden = text.replace(self._thread.token, "***") if self._thread.token else text
        return one_line(hidden)[:_MESSAGE_CHARS]


def _throttled(answer: httpx.Response) -> bool:
    if answer.status_code not in {403, 429}:
        return False
    return (
        answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        or "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
    )


def _address(told: dict[str, Any]) -> str:
    return str(told.get("html_url") or f"comment {told.get('id')}")


def _field(told: dict[str, Any], *names: str) -> object:
    return next((told[name] for name in names if name in told), "")
