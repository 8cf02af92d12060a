"""
Reads counters out of a Prometheus.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Final, Self

import httpx
import msgspec

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.canary.counters import Series
from agent_perf.live.unpacking import ACCEPTED, unpacked
from agent_perf.scrubbing import scrubbed

ANSWER_BYTES_MAX: Final = 64 << 20
_TIMEOUT_S: Final = 30.0
_TRIES: Final = 3
_PAUSE_S: Final = 1.0
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class _Result(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Result]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


class Prometheus:
    """
    Asks one Prometheus for the samples of counters.

    Args:
        url: Its address, above ``/api/v1``; it may hold a name and a password.
        transport: Of httpx; None: the network.
    """

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._shown = scrubbed(url)
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers=ACCEPTED,
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def samples(self, selector: str, begin_s: float, end_s: float) -> list[Series]:
        """
        Return all samples of *selector* between two times, in seconds since the epoch.

        Raises:
            BrokenError: If it cannot be reached in three tries, or says what is no answer.
            UsageError: If it does not understand *selector*.
        """
        length_ms = max(1, round((end_s - begin_s) * 1_000))
        form = {"query": f"{selector}[{length_ms}ms]", "time": f"{end_s:.3f}"}
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._read(*await self._post(form), selector)
            except httpx.HTTPError as error:
                if last or isinstance(error, httpx.DecodingError):
                    told = scrubbed(f"{type(error).__name__}: {error}".rstrip(": "))
                    raise BrokenError(
                        f"the Prometheus at {self._shown} does not answer ({told})"
                    ) from None
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError

    async def _post(self, form: dict[str, str]) -> tuple[int, bytes]:
        content = bytearray()
        async with self._client.stream("POST", "/api/v1/query", data=form) as response:
            async for piece in unpacked(response):
                content += piece
                if len(content) > ANSWER_BYTES_MAX:
                    raise BrokenError(
                        f"the Prometheus at {self._shown} answers with more than "
                        f"{ANSWER_BYTES_MAX:,} bytes; want a narrower selector, or less time"
                    )
            if response.status_code >= 500:
                raise httpx.HTTPStatusError(
                    f"status {response.status_code}", request=response.request, response=response
                )
            return response.status_code, bytes(content)

    def _read(self, status: int, content: bytes, selector: str) -> list[Series]:
        try:
            answer = msgspec.json.decode(content, type=_Answer)
            if answer.status == "success" and answer.data is not None:
                return [
                    Series(
                        labels=one.metric,
                        samples=tuple((at_s, float(value)) for at_s, value in one.values),
                    )
                    for one in answer.data.result
                ]
        except (msgspec.DecodeError, ValueError):
            raise BrokenError(
                f"what is at {self._shown} answers with status {status}, and not as a Prometheus "
                "does; want its address, as http://prometheus:9090"
            ) from None
        raise UsageError(
            f"the Prometheus at {self._shown} refuses {selector!r}: {scrubbed(answer.error)[:300]}"
        )


def selector_of(metric: str, *matchers: str) -> str:
    """
    Return the series of *metric* to which all *matchers* apply: ``version="1"``.

    Raises:
        UsageError: If it is no name of a metric.
    """
    if not _METRIC.fullmatch(metric):
        raise UsageError(f"{metric!r} is no metric; want a name such as http_requests_total")
    return f"{metric}{{{','.join(one.strip().strip('{}').strip(', ') for one in matchers if one)}}}"
