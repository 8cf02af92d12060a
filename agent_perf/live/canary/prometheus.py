"""
Reads counters out of a Prometheus.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Literal, Self

import httpx
import msgspec

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.address import address_parts, shown_url
from agent_perf.live.canary.counters import Series
from agent_perf.live.certificates import trusted, with_advice
from agent_perf.live.unpacking import ACCEPTED, unpacked
from agent_perf.scrubbing import scrubbed

ANSWER_BYTES_MAX: Final = 64 << 20
_TIMEOUT_S: Final = 30.0
_TRIES: Final = 3
_PAUSE_S: Final = 1.0
_WHO_ASKS: Final = (401, 403)
_TOO_MANY: Final = 429
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class _Result(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Result]


class _Answer(msgspec.Struct):
    status: Literal["success", "error"]
    data: _Data | None = None
    error: str = ""


class PrometheusAwayError(BrokenError):
    """It gives no answer at the moment, though it may soon."""


class Prometheus:
    """
    Asks one Prometheus for the samples of counters.

    Args:
        url: Its address, above ``/api/v1``; it may hold a name and a password.
        headers: Sent with each question.
        secrets: What of them is told nowhere.
        transport: Of httpx; None: the network.

    Raises:
        UsageError: If *url* is no address, or SSL_CERT_FILE names no file of certificates.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._shown = shown_url(address_parts(url, example="http://prometheus:9090"))
        self._secrets = tuple(secrets)
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={**(headers or {}), **ACCEPTED},
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=False,
            verify=trusted(os.environ),
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
            PrometheusAwayError: If it cannot be reached in three tries.
            BrokenError: If it says what is no answer.
            UsageError: If it does not understand *selector*, or wants to know who asks.
        """
        length_ms = max(1, round((end_s - begin_s) * 1_000))
        form = {"query": f"{selector}[{length_ms}ms]", "time": f"{end_s:.3f}"}
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._read(*await self._post(form), selector)
            except httpx.HTTPError as error:
                told = scrubbed(f"{type(error).__name__}: {error}".rstrip(": "), self._secrets)
                # Neither what it packs its answers in nor its certificate is another soon.
                is_final = isinstance(error, httpx.DecodingError) or "CERTIFICATE" in told
                if last or is_final:
                    kind = BrokenError if is_final else PrometheusAwayError
                    raise kind(
                        f"the Prometheus at {self._shown} does not answer ({with_advice(told)})"
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
            if response.status_code >= 500 or response.status_code == _TOO_MANY:
                raise httpx.HTTPStatusError(
                    f"status {response.status_code}", request=response.request, response=response
                )
            return response.status_code, bytes(content)

    def _read(self, status: int, content: bytes, selector: str) -> list[Series]:
        if status in _WHO_ASKS:
            raise UsageError(
                f"the Prometheus at {self._shown} answers {status}, as to a stranger; name the "
                "variable that holds your token, as --prometheus-token-env PROM_TOKEN"
            )
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
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise BrokenError(
                f"what is at {self._shown} answers with status {status}, and not as a Prometheus "
                "does; want its address, as http://prometheus:9090"
            ) from None
        told = scrubbed(answer.error, self._secrets)[:300]
        raise UsageError(f"the Prometheus at {self._shown} refuses {selector!r}: {told}")


def selector_of(metric: str, *matchers: str) -> str:
    """
    Return the series of *metric* to which all *matchers* apply: ``version="1"``.

    Raises:
        UsageError: If it is no name of a metric.
    """
    if not _METRIC.fullmatch(metric):
        raise UsageError(f"{metric!r} is no metric; want a name such as http_requests_total")
    return f"{metric}{{{','.join(one.strip().strip('{}').strip(', ') for one in matchers if one)}}}"
