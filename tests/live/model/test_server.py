"""A model endpoint that is asked over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from agent_perf.errors import UsageError
from agent_perf.live.model import ModelOptions, ModelScript, ModelServer, connection, server
from agent_perf.live.model.script_file import RouteRow, TurnRow
from agent_perf.sim import LatencyTable, constant_table, llm

_SOON: dict[str, LatencyTable] = {
    name: constant_table(name, seconds)
    for name, seconds in (("llm.first_token", 0.005), ("llm.token", 0.0), ("http.request", 0.001))
}


@contextmanager
def _served(**options: Any) -> Iterator[tuple[httpx.Client, ModelServer]]:
    """Give a client of a server that runs in a thread."""
    server = ModelServer(ModelOptions(**{"tables": _SOON, **options}))
    urls: Queue[str] = Queue()
    thread = threading.Thread(target=server.run, args=(urls.put,))
    thread.start()
    try:
        with httpx.Client(
            base_url=urls.get(timeout=30),
            headers={"authorization": "Bearer any", "x-api-key": "any"},
            timeout=30,
            trust_env=False,
        ) as client:
            yield client, server
    finally:
        server.stop()
        thread.join()


def _chat(client: httpx.Client, question: str, **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": question}]
    body = {"model": "gpt-4o-mini", "messages": messages, **more}
    return client.post("/v1/chat/completions", json=body)


def _words(response: httpx.Response) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


def _script(*turns: TurnRow) -> ModelScript:
    return ModelScript(turns=turns)


def test_the_same_seed_gives_the_same_answers() -> None:
    """The n-th answer depends on the seed and on n; ids and lengths are drawn, so they tell."""

    def answers(seed: int) -> list[tuple[str, int]]:
        with _served(seed=seed) as (client, _):
            told = [_chat(client, f"question {n}").json() for n in range(3)]
        return [(one["id"], one["usage"]["completion_tokens"]) for one in told]

    assert answers(7) == answers(7)
    assert answers(7) != answers(8)


def test_all_apis_are_there() -> None:
    """Chat completions, responses, embeddings, messages and the list of models answer."""
    with _served(script=_script(TurnRow(text="Five days."))) as (client, server):
        assert "Five days." == _words(_chat(client, "how long?"))
        responded = client.post("/v1/responses", json={"model": "gpt-4o", "input": "how long?"})
        assert "Five days." == responded.json()["output"][0]["content"][0]["text"]
        message = client.post(
            "/v1/messages",
            headers={"anthropic-version": "2023-06-01"},
            json={
                "model": "claude-haiku-4-5",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "how long?"}],
            },
        )
        assert "Five days." == message.json()["content"][0]["text"]
        embedded = client.post(
            "/v1/embeddings", json={"model": "text-embedding-3-small", "input": "how long?"}
        )
        assert 200 == embedded.status_code
        assert "gpt-4o-mini" in client.get("/v1/models").text
        assert 200 == client.get("/health").status_code
        stats = client.get("/stats").json()

    assert 3 == stats["llm_calls"] == server.counts["llm_calls"]
    assert 0 < stats["llm_cost_nanousd"]


def test_a_stream_comes_piece_by_piece() -> None:
    """Pieces are sent when they are due, and not together at the end."""
    turn = TurnRow(tokens=13, first_token=0.01, token=0.02)
    question = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    with (
        _served(script=_script(turn), tokens_per_chunk=4) as (client, _),
        client.stream("POST", "/v1/chat/completions", json=question) as response,
    ):
        at_s = [
            time.monotonic()
            for line in response.iter_lines()
            if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"]
        ]

    # After the first, twelve tokens of 20 ms each.
    assert 0.2 <= at_s[-1] - at_s[0]


def test_a_retry_gets_the_next_turn() -> None:
    """After an error or a cut, the same question gets on; asked anew, it begins again."""
    limited = RouteRow(
        contains="limit", turns=(TurnRow(status=429, retry_after_s=0), TurnRow(text="second"))
    )
    cut = RouteRow(
        contains="cut", turns=(TurnRow(tokens=40, cut_after_tokens=8), TurnRow(text="whole"))
    )
    with _served(script=ModelScript(routes=(limited, cut))) as (client, _):
        assert [429, 200, 429] == [_chat(client, "limit").status_code for _ in range(3)]
        with pytest.raises(httpx.RemoteProtocolError):
            _chat(client, "cut", stream=True)
        assert '"finish_reason":"stop"' in _chat(client, "cut", stream=True).text
        with pytest.raises(httpx.RemoteProtocolError):
            _chat(client, "cut")
        assert "whole" == _words(_chat(client, "cut"))


def test_limits_are_kept() -> None:
    """What is beyond a limit is answered 429, with the headers that say so."""
    with _served(requests_per_min=2) as (client, server):
        answers = [_chat(client, f"{n}") for n in range(3)]

    assert [200, 200, 429] == [one.status_code for one in answers]
    assert "2" == answers[0].headers["x-ratelimit-limit-requests"]
    assert 1 == server.counts["llm_rate_limited"]


def test_a_client_that_leaves_ends_its_answer() -> None:
    """Who hangs up is not waited for: what was not generated is not counted, and others go on."""
    turn = TurnRow(tokens=1000, first_token=0.0, token=1.0)
    with _served(script=_script(turn)) as (client, server):
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                "/v1/chat/completions",
                json={
                    "model": "gpt-4o",
                    "stream": True,
                    "messages": [{"role": "user", "content": "?"}],
                },
                timeout=0.1,
            )
        deadline = time.monotonic() + 10
        while not server.counts["llm_tokens_out"] and time.monotonic() < deadline:
            time.sleep(0.01)

        assert 0 < server.counts["llm_tokens_out"] < 100
        assert 200 == client.get("/health").status_code


def test_what_a_cassette_does_not_hold_is_told(tmp_path: Path) -> None:
    """A call that was not recorded is an answer with the nearest one, and the server goes on."""
    path = tmp_path / "calls.json"
    _record(path)
    with _served(cassette=path) as (client, server):
        assert "Five days." == _words(_chat(client, "how long?"))
        unknown = _chat(client, "how much?")
        assert 404 == unknown.status_code
        assert "how long?" in unknown.json()["error"]["message"]
        assert "Five days." == _words(_chat(client, "how long?"))

    assert 1 == server.counts["llm_unknown"]


def _record(path: Path) -> None:
    async def ask(base_url: str) -> None:
        async with llm.record(path, httpx, base_url=base_url) as http:
            await http.post(
                "/v1/chat/completions",
                headers={"authorization": "Bearer any"},
                json={
                    "model": "gpt-4o-mini",
                    "messages": [{"role": "user", "content": "how long?"}],
                },
            )

    with _served(script=_script(TurnRow(text="Five days."))) as (client, _):
        asyncio.run(ask(str(client.base_url)))


def test_a_port_that_is_taken_is_told() -> None:
    """The address is told, and how to choose another."""
    with _served() as (client, _):
        taken = ModelServer(ModelOptions(port=client.base_url.port))
        with pytest.raises(UsageError, match=r"127\.0\.0\.1:\d+.*choose another with --port"):
            taken.run()


def test_a_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    413 with an error as JSON, though all of it was sent; one that has just the size is read.
    """
    for module in (server, connection):
        monkeypatch.setattr(module, "BODY_BYTES_MAX", 1_000)
    with _served() as (client, model):
        small = client.post("/v1/chat/completions", content=b" " * 1_000)
        large = client.post("/v1/chat/completions", content=b" " * 1_001)
        pieces = client.post("/v1/chat/completions", content=(b" " * 100 for _ in range(50)))
        endless = (b" " * 1_000 for _ in range(10_000))
        with pytest.raises(httpx.HTTPError):
            client.post("/v1/chat/completions", content=endless)

    assert [400, 413, 413] == [one.status_code for one in (small, large, pieces)]
    assert "the body has more than 1,000 bytes; want less" == large.json()["error"]["message"]
    assert 2 == model.counts["llm_too_large"]


@pytest.mark.parametrize("api", ["chat/completions", "responses", "embeddings", "messages"])
def test_a_body_that_is_nested_without_end_is_refused(api: str) -> None:
    """
    It is the asker's mistake, as any other body that is no request.
    """
    with _served() as (client, _):
        answer = client.post(f"/v1/{api}", content=b'{"model": "gpt-4o", "x": ' + b"[" * 100_000)

    assert 400 == answer.status_code
    assert "message" in answer.json()["error"]
