"""
The user's own model endpoint: the time to the first token, and the time a token takes.

It speaks OpenAI's chat completions, as most endpoints do.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from agent_perf.errors import BrokenError
from agent_perf.live.calibration.collected import Collected, Origin, where_is
from agent_perf.live.calibration.sampling import Sampler
from agent_perf.live.calibration.spending import Purse
from agent_perf.live.calibration.streaming import Arrival, Stream, token_waits
from agent_perf.live.calibration.telling import failures_told
from agent_perf.live.unpacking import ACCEPTED, unpacked
from agent_perf.scrubbing import scrubbed
from agent_perf.sim.services.llm.prices import Price

MODEL_WARM_UP_COUNT: Final = 1
"""It opens the connection; each question costs."""

ANSWER_TIMEOUT_S: Final = 120.0
_ANSWER_BYTES_MAX: Final = 1 << 20
_DETAIL_BYTES_MAX: Final = 300
_NEW_LIMIT: Final = re.compile(r"(.*/)?(o\d|gpt-[5-9])")
_PROMPT: Final = "Question {}. How do refunds work in a web shop? Answer in five sentences."


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelQuestion:
    """
    What a model is asked. It holds the key: do not store, show or log it.

    Attributes:
        url: Of the API, as ``https://api.example.com/v1``.
        model: Its name.
        key: Of the API; empty for none.
        tokens_max: Longest answer, >= 2.
        price: Of a token.
    """

    url: str
    model: str
    key: str
    tokens_max: int
    price: Price

    def __repr__(self) -> str:
        return f"ModelQuestion({self.model})"

    def content(self, number: int) -> bytes:
        """Return the body of question *number*; each is another one, which no cache knows."""
        # Newer models of OpenAI refuse the old name, and most other endpoints know no other.
        limit = "max_completion_tokens" if _NEW_LIMIT.match(self.model) else "max_tokens"
        return msgspec.json.encode(
            {
                "model": self.model,
                "messages": [{"role": "user", "content": _PROMPT.format(number)}],
                "stream": True,
                "stream_options": {"include_usage": True},
                limit: self.tokens_max,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswers:
    """
    What a model's answers came to.

    Attributes:
        collected: Latencies of its first tokens, and of the others.
        spent_nanousd: What they cost, at the most.
        is_cut_off: Whether the limit of dollars ended it.
    """

    collected: tuple[Collected, ...]
    spent_nanousd: int
    is_cut_off: bool


async def collect_model(
    question: ModelQuestion,
    sampler: Sampler,
    purse: Purse,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ModelAnswers:
    """
    Return latencies of the model that *question* names.

    Args:
        question: What is asked.
        sampler: How often, and how many times.
        purse: What may be spent; nothing is asked that might pass its limit.
        transport: Of httpx; None: the network.

    Raises:
        BrokenError: If it cannot be reached, or an answer is none.
    """
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    if question.key:
        headers["authorization"] = f"Bearer {question.key}"
    firsts: list[int] = []
    tokens: list[int] = []
    cut_off = False
    url = question.url.rstrip("/")
    with failures_told("model", url, OSError, httpx.HTTPError, TimeoutError):
        async with httpx.AsyncClient(
            base_url=url,
            headers={**ACCEPTED, **headers},
            timeout=None,  # noqa: S113 (each answer has a limit of its own)
            trust_env=False,
            transport=transport,
        ) as client:
            for number in range(-MODEL_WARM_UP_COUNT, sampler.count):
                content = question.content(number + MODEL_WARM_UP_COUNT)
                cut_off = not purse.reserve(len(content), question.tokens_max)
                if cut_off:
                    break
                await sampler.turn()
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    stream = await _asked(client, question, content, sampler)
                if stream.prompt_tokens is not None and stream.output_tokens is not None:
                    purse.settle(
                        len(content),
                        question.tokens_max,
                        stream.prompt_tokens,
                        stream.output_tokens,
                    )
                if number >= 0:
                    firsts.append(stream.first_ns)
                    tokens += token_waits(stream)
                    sampler.told("llm.first_token", len(firsts))
    return ModelAnswers(
        collected=_collected(question, sampler, firsts, tokens),
        spent_nanousd=purse.spent_nanousd,
        is_cut_off=cut_off,
    )


def _collected(
    question: ModelQuestion, sampler: Sampler, firsts: list[int], tokens: list[int]
) -> tuple[Collected, ...]:
    where = where_is(urlsplit(question.url).hostname or "")
    origin = Origin(service=question.model, where=where, rate_hz=sampler.rate_hz)
    return (
        Collected(
            name="llm.first_token",
            origin=origin,
            how="from the question to the first piece of the answer, on an open connection, "
            "without the client's CPU time",
            waits_ns=tuple(firsts),
        ),
        Collected(
            name="llm.token",
            origin=origin,
            how="from one piece of the answer to the next, divided by its tokens",
            waits_ns=tuple(tokens),
        ),
    )


async def _asked(
    client: httpx.AsyncClient, question: ModelQuestion, content: bytes, sampler: Sampler
) -> Stream:
    clock = sampler.clock
    cpu_ns, begin_ns = clock.cpu_ns(), clock.now_ns()
    arrivals: list[Arrival] = []
    first_ns = 0
    usage: Mapping[str, int] = {}
    async with client.stream("POST", "/chat/completions", content=content) as response:
        if response.status_code != httpx.codes.OK:
            raise BrokenError(await _refusal(response, question))
        async for events in _events(response):
            now_ns = clock.now_ns()
            said = [event for event in events if event.text]
            if said and not arrivals:
                first_ns = max(0, now_ns - begin_ns - (clock.cpu_ns() - cpu_ns))
            if said:
                size = sum(len(event.text.encode()) for event in said)
                arrivals.append(Arrival(at_ns=now_ns, events=len(said), size_bytes=size))
            for event in events:
                usage = event.usage or usage
    if not arrivals:
        raise BrokenError(
            f"model {question.model!r} answered nothing within {question.tokens_max} tokens; "
            "raise --model-tokens, for some think before they speak"
        )
    return Stream(
        first_ns=first_ns,
        arrivals=tuple(arrivals),
        prompt_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        silent_tokens=usage.get("reasoning_tokens", 0),
    )


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: _Details | None = None


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    text: str
    usage: Mapping[str, int]


async def _events(response: httpx.Response) -> AsyncIterator[list[_Event]]:
    """Yield the events of a stream, those together that arrived together."""
    rest, size_bytes = b"", 0
    async for piece in unpacked(response):
        size_bytes += len(piece)
        if size_bytes > _ANSWER_BYTES_MAX:
            raise BrokenError(f"the answer is longer than {_ANSWER_BYTES_MAX:,} bytes")
        *lines, rest = (rest + piece).split(b"\n")
        found = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        yield [_event(data) for data in found if data != b"[DONE]"]


def _event(data: bytes) -> _Event:
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenError(f"the answer's stream is none of chat completions: {error}") from error
    text = "".join(one.delta.content or "" for one in chunk.choices or () if one.delta)
    told = chunk.usage
    if told is None:
        return _Event(text=text, usage={})
    details = told.completion_tokens_details
    usage = {
        "prompt_tokens": told.prompt_tokens,
        "completion_tokens": told.completion_tokens,
        "reasoning_tokens": details.reasoning_tokens if details else None,
    }
    return _Event(text=text, usage={key: n for key, n in usage.items() if n is not None and n >= 0})


async def _refusal(response: httpx.Response, question: ModelQuestion) -> str:
    begin = b""
    async for piece in unpacked(response):
        begin += piece
        if len(begin) >= _DETAIL_BYTES_MAX:
            break
    text = begin[:_DETAIL_BYTES_MAX].decode("utf-8", "replace")
    told = " ".join(scrubbed(text, [question.key] if question.key else []).split())
    way_out = "; lower --rate" if response.status_code == httpx.codes.TOO_MANY_REQUESTS else ""
    return f"model {question.model!r} answered {response.status_code}: {told}{way_out}"
