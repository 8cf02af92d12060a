"""
A cassette played back: recorded answers at their recorded times, in virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from agent_perf.codec import load_cassette
from agent_perf.errors import ConfigError
from agent_perf.records import Cassette, Recording
from agent_perf.sim.request import Witness, running_request
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.api import Usage
from agent_perf.sim.services.llm.comparable import comparable_body, comparable_path
from agent_perf.sim.services.llm.delivery import wait
from agent_perf.sim.services.llm.stream import TokenStream
from agent_perf.sim.services.llm.till import Till
from agent_perf.sim.services.reply import Reply, SimRequest

_SHOWN: Final = 60
# Comparing costs its square; two prompts that are alike that long are alike.
_COMPARED_MAX: Final = 4000
_REQUESTS_KEPT: Final = 100_000


class Player:
    """
    Answers from a cassette. A request that was recorded several times gets its answers in
    turn, anew for each request of the simulation, and then the last one again.

    Args:
        cassette: What is played; at least one recording.
        source: Its file, for messages.
        ignore: Names of fields of bodies that do not matter.
        till: Bills the tokens that an answer says it took.
        witness: Told of spans and calls as of scripted answers.

    Raises:
        ConfigError: If the cassette is empty.
    """

    def __init__(
        self,
        cassette: Cassette,
        source: str,
        ignore: tuple[str, ...],
        till: Till,
        witness: Witness,
    ) -> None:
        if not cassette.recordings:
            raise ConfigError(f"the cassette {source} is empty; record some calls")
        self._cassette = cassette
        self._source = source
        self._ignore = ignore
        self._till = till
        self._witness = witness
        self._takes: dict[_Key, list[Recording]] = {}
        for one in cassette.recordings:
            body = comparable_body(one.body.encode(), ignore)
            self._takes.setdefault((one.method, one.path, body), []).append(one)
        self._played: dict[tuple[int, _Key], int] = {}

    async def answer(self, request: SimRequest) -> Reply:
        """
        Return what was recorded for *request*, as late as it was.

        Raises:
            RealWorldAccess: If there is nothing: names the nearest recording.
        """
        body = comparable_body(request.content, self._ignore)
        key = (request.method, comparable_path(request.path), body)
        takes = self._takes.get(key)
        if takes is None:
            self._refuse(key)
        take = takes[self._turn(key, len(takes))]
        model = _model_of(body)
        self._witness.count("llm_calls", 1, model)
        if running_request().connections_held > 0:
            self._witness.count("llm_calls_holding_db", 1, model)
        usage = _usage_of("".join(chunk.text for chunk in take.chunks))
        billed = self._till.price(model) is not None
        if billed:
            self._till.bill_prompt(model, usage)
        chunks = [chunk.text.encode() for chunk in take.chunks]
        gaps_ns = [chunk.after_ns for chunk in take.chunks]
        first_ns = take.headers_after_ns + sum(gaps_ns[:1])
        await wait("llm.first_token", first_ns, self._witness, model)
        ended = partial(self._ended, model, usage.output if billed else 0, sim_loop().now_ns)
        if len(chunks) < 2:
            ended(0)
            return Reply(status=take.status, headers=take.headers, content=b"".join(chunks))
        stream = TokenStream(chunks, [0, *gaps_ns[1:]], [0] * len(chunks), ended)
        return Reply(status=take.status, headers=take.headers, content=stream)

    def _ended(self, model: str, tokens: int, start_ns: int, _sent: int) -> None:
        if tokens:
            self._till.bill_output(model, tokens)
        self._witness.span("llm.stream", start_ns, sim_loop().now_ns, model)

    def _turn(self, key: _Key, count: int) -> int:
        if count == 1:
            return 0
        mine = (running_request().request_id, key)
        played = self._played.pop(mine, 0)
        self._played[mine] = played + 1
        if len(self._played) > _REQUESTS_KEPT:
            del self._played[next(iter(self._played))]
        return min(played, count - 1)

    def _refuse(self, key: _Key) -> NoReturn:
        method, path, body = key
        nearest = max(self._takes, key=lambda other: _likeness(key, other))
        sim_loop().refusals.refuse(
            f"{method} {path}, which is not in the cassette {self._source},",
            f"record it, or ask as recorded; the nearest recording is {nearest[0]} {nearest[1]}, "
            f"{_difference(nearest[2], body)}",
        )


def player_of(path: Path, ignore: tuple[str, ...], till: Till, witness: Witness) -> Player:
    """
    Return the player of the cassette in the file *path*; the others as in `Player`.

    Raises:
        ConfigError: If the file cannot be read, or is empty.
        StoreError: If it is cut, of another kind, or of a newer schema.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the cassette {str(path)!r} cannot be read: {error.strerror}; record it with "
            "llm.record(...), or name it from the working directory"
        ) from error
    return Player(load_cassette(data, str(path)), str(path), ignore, till, witness)


_Key = tuple[str, str, str]


def _likeness(one: _Key, other: _Key) -> tuple[bool, float]:
    matcher = SequenceMatcher(None, one[2][:_COMPARED_MAX], other[2][:_COMPARED_MAX], False)
    return one[:2] == other[:2], matcher.ratio()


def _difference(recorded: str, asked: str) -> str:
    if recorded == asked:
        return "with the same body"
    pairs = zip(recorded, asked, strict=False)
    same = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(recorded), len(asked)))
    begin = max(0, same - _SHOWN // 3)
    return (
        f"whose body differs at character {same}: recorded …{recorded[begin : begin + _SHOWN]}…, "
        f"asked …{asked[begin : begin + _SHOWN]}…"
    )


class _Asked(msgspec.Struct):
    model: str = ""


def _model_of(body: str) -> str:
    try:
        return msgspec.json.decode(body, type=_Asked).model
    except (msgspec.DecodeError, RecursionError):
        return ""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Told(msgspec.Struct):
    """Usage in the words of all three APIs; Anthropic's input leaves cached tokens out."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Part(msgspec.Struct):
    usage: _Told | None = None


class _Answer(_Part):
    message: _Part | None = None
    response: _Part | None = None


@lru_cache(maxsize=1024)
def _usage_of(text: str) -> Usage:
    """Return what an answer, whole or streamed, says that it took; later events win."""
    prompt = cached = written = output = 0
    for told in _tolds(text):
        details = told.prompt_tokens_details or told.input_tokens_details or _Details()
        read, wrote = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
        asked = (told.prompt_tokens or told.input_tokens or 0) + read + wrote
        prompt, written = max(prompt, asked), max(written, wrote)
        cached = max(cached, read, details.cached_tokens or 0)
        output = max(output, told.completion_tokens or told.output_tokens or 0)
    return Usage(prompt=prompt, cached=cached, written=written, output=output)


def _tolds(text: str) -> Iterator[_Told]:
    events = [line[5:] for line in text.splitlines() if line.startswith("data:")]
    for event in events or [text]:
        if '"usage"' not in event:
            continue
        try:
            answer = msgspec.json.decode(event, type=_Answer)
        except (msgspec.DecodeError, RecursionError):
            # An event that is no JSON, or has another usage, bills nothing.
            continue
        parts = (answer, answer.message, answer.response)
        yield from (part.usage for part in parts if part is not None and part.usage is not None)
