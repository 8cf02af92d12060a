"""Cassettes: recorded from a real server in real time, played back in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.codec import dump_cassette, load_cassette
from agent_perf.errors import ConfigError, RealWorldAccess, StoreError, UsageError
from agent_perf.records import Cassette, Chunk, Recording
from agent_perf.scrubbing import REDACTED, scrubbed, scrubbed_parts
from agent_perf.sim import SimLoop, llm, request_scope
from tests.sim.services.llm.world import ASK, MS, World, run

PLANTED = [
    "sk-proj-PLANTED0123456789",
    "sk-ant-PLANTED-abcdefghij",
    "PLANTED-cookie-value",
    "PLANTEDbearer.token.here",
    "PLANTED-in-url-0123",
    "PLANTED-password",
    "org-PLANTED0123456789",
]


class Ticks:
    """A clock that moves by a millisecond each time it is looked at."""

    now_ns = 0

    def __call__(self) -> int:
        self.now_ns += MS
        return self.now_ns


class Events(httpx2.AsyncByteStream):
    """A body in chunks."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Endpoint(httpx2.AsyncBaseTransport):
    """A model that is far away: answers as it is told, one after the other."""

    def __init__(self, *answers: tuple[int, dict[str, str], list[bytes]]) -> None:
        self._answers = list(answers)
        self.encodings: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.encodings.append(request.headers["accept-encoding"])
        status, headers, chunks = self._answers.pop(0)
        return httpx2.Response(status, headers=headers, stream=Events(chunks))


def completion(content: str) -> list[bytes]:
    """Return a chat completion in one piece."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    value = {"id": "1", "choices": [{"index": 0, "message": message}], "usage": usage}
    return [json.dumps(value, ensure_ascii=False).encode()]


JSON = {"content-type": "application/json", "set-cookie": PLANTED[2], "openai-organization": "me"}


async def record_chats(path: Path, endpoint: Endpoint, *asks: dict[str, Any]) -> list[str]:
    """Record a chat for each of *asks*, and return what was answered."""
    said = []
    async with llm.record(path, transport=endpoint, clock_ns=Ticks()) as http:
        client = openai.AsyncOpenAI(
            api_key=PLANTED[0], base_url="http://far.example/v1", http_client=http, max_retries=0
        )
        for ask in asks:
            arguments: Any = {"model": "gpt-4o", "messages": ASK, **ask}
            answer = await client.chat.completions.create(**arguments)
            said.append(answer.choices[0].message.content or "")
    return said


def test_played_as_recorded(tmp_path: Path) -> None:
    """The same client gets the same answer after the recorded time, and is billed for it."""
    path = tmp_path / "chat.json"
    endpoint = Endpoint((200, JSON, completion("Grüezi 🏔")))
    assert ["Grüezi 🏔"] == asyncio.run(record_chats(path, endpoint, {}))
    assert ["identity"] == endpoint.encodings

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.cassette(path)
        answer = await world.ask()
        return answer.choices[0].message.content, loop.now_ns

    async def counts(loop: SimLoop, world: World) -> tuple[int, ...]:
        await main(loop, world)
        names = ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_nanousd")
        return tuple(world.ledger.counts[name] for name in names)

    # A tick until the headers, and one until the body.
    assert ("Grüezi 🏔", 2 * MS) == run(main)
    assert (1, 7, 3, 7 * 2500 + 3 * 10_000) == run(counts)


def test_a_stream_keeps_its_pace(tmp_path: Path) -> None:
    """From a real server over real sockets: chunks come back in as many pieces and as late."""
    events = [
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % part.encode()
        for part in ("Grü", "ezi", " 🏔")
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        for event in (*events, b"data: [DONE]\n\n"):
            await asyncio.sleep(0.02)
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        writer.close()

    async def stream(client: openai.AsyncOpenAI) -> list[str]:
        create: Any = client.chat.completions.create
        chunks = await create(model="gpt-4o", messages=ASK, stream=True)
        return [chunk.choices[0].delta.content async for chunk in chunks]

    async def real() -> list[str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, llm.record(tmp_path / "s.json") as http:
            base_url = f"http://127.0.0.1:{port}/v1"
            client = openai.AsyncOpenAI(api_key="k" * 9, base_url=base_url, http_client=http)
            return await stream(client)

    async def main(loop: SimLoop, world: World) -> tuple[list[str], int]:
        world.llm.cassette(tmp_path / "s.json")
        return await stream(world.client), loop.now_ns

    assert ["Grü", "ezi", " 🏔"] == asyncio.run(real())
    (recording,) = load_cassette((tmp_path / "s.json").read_bytes(), "s").recordings
    parts, ended_ns = run(main)
    assert ["Grü", "ezi", " 🏔"] == parts
    assert [*events, b"data: [DONE]\n\n"] == [one.text.encode() for one in recording.chunks]
    assert all(one.after_ns > 10 * MS for one in recording.chunks)
    total_ns = recording.headers_after_ns + sum(one.after_ns for one in recording.chunks)
    assert total_ns == ended_ns


def test_no_planted_secret_is_kept(tmp_path: Path) -> None:
    """Secrets in headers, URLs and bodies, asked and answered, are not in the file."""
    path = tmp_path / "secret.json"
    text = (
        f"my key is {PLANTED[1]}, I sent {PLANTED[0]} and Bearer {PLANTED[3]}; "
        f"see http://x.example/?api_key={PLANTED[4]}&a=1 of {PLANTED[6]}"
    )
    content = completion(text)[0]
    middle = content.index(b"PLANTED") + 3
    headers = JSON | {"x-request-id": PLANTED[0], "retry-after": "1"}
    endpoint = Endpoint((200, headers, [content[:middle], content[middle:]]))
    ask = {
        "messages": [{"role": "user", "content": text}],
        "extra_headers": {"cookie": f"session={PLANTED[2]}", "openai-organization": PLANTED[6]},
        "extra_query": {"key": PLANTED[4]},
        "extra_body": {"password": PLANTED[5], "echo": PLANTED[2]},
    }
    asyncio.run(record_chats(path, endpoint, ask))

    kept = path.read_text()
    for secret in (*PLANTED, "PLANTED"):
        assert secret not in kept
    assert "my key is [redacted]" in kept
    assert "see http://x.example/?api_key=[redacted]&a=1" in kept
    (recording,) = load_cassette(path.read_bytes(), "secret").recordings
    assert "/v1/chat/completions" == recording.path
    assert (("content-type", "application/json"), ("retry-after", "1")) == recording.headers
    assert f'"password":"{REDACTED}"' in recording.body


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("sk-abcdefgh12345678 and on", "[redacted] and on"),
        ("Authorization: Bearer abc.def-ghi_jkl=", "Authorization: [redacted]"),
        ('{"x-api-key": "abc", "a": "b"}', '{"x-api-key": "[redacted]", "a": "b"}'),
        ('"{\\"token\\": \\"abc\\", \\"n\\": 1}"', '"{\\"token\\": \\"[redacted]\\", \\"n\\": 1}"'),
        ("postgres://joe:hunter2@db/x", "postgres://[redacted]@db/x"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "[redacted]"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("ask-me about sky-high risk-free keys: token counts", None),
        ('{"max_tokens": 7, "tokens": "many", "keyboard": "qwerty"}', None),
    ],
)
def test_forms_of_secrets(text: str, left: str | None) -> None:
    """What looks like a secret goes, with its name left; what only sounds like one stays."""
    assert (text if left is None else left) == scrubbed(text)


@given(
    before=st.text(alphabet="ab cd\n", max_size=9),
    after=st.text(alphabet="ab cd\n", max_size=9),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_a_secret_across_chunks(before: str, after: str, cuts: list[int]) -> None:
    """However a text is cut, its parts together lose the secret and nothing else."""
    text = f"{before} sk-0123456789abcdef {after}"
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[low:high] for low, high in zip(ends, ends[1:], strict=False)]

    left = scrubbed_parts(parts)

    assert f"{before} {REDACTED} {after}" == "".join(left)
    assert len(parts) == len(left)


def test_repeats_in_turn(tmp_path: Path) -> None:
    """A question recorded twice has two answers, the last repeats; each request begins anew."""
    path = tmp_path / "twice.json"
    endpoint = Endpoint(*[(200, JSON, completion(text)) for text in ("one", "two", "other")])
    other = {"messages": [{"role": "user", "content": "Else?"}]}
    asyncio.run(record_chats(path, endpoint, {}, {}, other))

    async def main(loop: SimLoop, world: World) -> list[str]:
        world.llm.cassette(path)
        said = []
        for request_id in (1, 2):
            with request_scope(request_id):
                answers = [await world.ask() for _ in range(3)]
                said += [answer.choices[0].message.content for answer in answers]
        return said

    assert ["one", "two", "two"] * 2 == run(main)


def test_an_unknown_request_names_the_nearest(tmp_path: Path) -> None:
    """What was not recorded is refused, with the nearest recording and where it differs."""
    path = tmp_path / "two.json"
    endpoint = Endpoint((200, JSON, completion("a")), (200, JSON, completion("b")))
    far = {"messages": [{"role": "user", "content": "Something else altogether"}]}
    asyncio.run(record_chats(path, endpoint, far, {}))

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.cassette(path)
        await world.ask([{"role": "user", "content": "What is the date?"}])

    with pytest.raises(RealWorldAccess) as caught:
        run(main)
    said = str(caught.value)
    assert f"POST /v1/chat/completions, which is not in the cassette {path}," in said
    assert "nearest recording is POST /v1/chat/completions" in said
    assert "What is the time?" in said
    assert "What is the date?" in said


def test_fields_that_do_not_matter(tmp_path: Path) -> None:
    """Ignored fields may differ, and names may come in any order."""
    path = tmp_path / "ignore.json"
    ask = {"metadata": {"trace": "1"}, "temperature": 0.5}
    asyncio.run(record_chats(path, Endpoint((200, JSON, completion("a"))), ask))

    async def main(loop: SimLoop, world: World) -> str:
        world.llm.cassette(path, ignore=["metadata"])
        answer = await world.ask(temperature=0.5, metadata={"trace": "2"})
        return str(answer.choices[0].message.content)

    assert "a" == run(main)


def test_errors_are_recorded_too(tmp_path: Path) -> None:
    """A 429 is played back with its time to wait, and the retry gets what came after it."""
    path = tmp_path / "limited.json"
    body = b'{"error":{"message":"slow down"}}'
    endpoint = Endpoint((429, JSON | {"retry-after": "2"}, [body]), (200, JSON, completion("a")))

    async def real() -> None:
        with pytest.raises(openai.RateLimitError):
            await record_chats(path, endpoint, {})
        # The second call in a file of its own: one cassette for each recording.
        await record_chats(tmp_path / "then.json", endpoint, {})

    asyncio.run(real())
    first, then = (load_cassette(p.read_bytes(), "") for p in (path, tmp_path / "then.json"))
    path.write_bytes(dump_cassette(Cassette(recordings=(*first.recordings, *then.recordings))))

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.cassette(path)
        answer = await world.ask()
        return answer.choices[0].message.content, loop.now_ns

    assert ("a", (2 + 2000 + 2) * MS) == run(main)


def test_compressed_answers_are_refused(tmp_path: Path) -> None:
    """An endpoint that compresses although it was asked not to cannot be recorded."""
    endpoint = Endpoint((200, JSON | {"content-encoding": "br"}, [b"x"]))
    with pytest.raises((UsageError, openai.APIConnectionError)) as caught:
        asyncio.run(record_chats(tmp_path / "x.json", endpoint, {}))
    cause = caught.value.__cause__ or caught.value
    assert "switch compression off" in str(cause)


def test_bad_files(tmp_path: Path) -> None:
    """A file that is missing, foreign or empty is refused by name."""

    def play(name: str) -> None:
        async def main(loop: SimLoop, world: World) -> None:
            world.llm.cassette(tmp_path / name)

        run(main)

    with pytest.raises(ConfigError, match="none.json' cannot be read"):
        play("none.json")
    (tmp_path / "run.json").write_text('{"schema": "run", "schema_version": 1}')
    with pytest.raises(StoreError, match="want an agent-perf 'cassette'"):
        play("run.json")
    (tmp_path / "empty.json").write_bytes(dump_cassette(Cassette(recordings=())))
    with pytest.raises(ConfigError, match="is empty"):
        play("empty.json")


@given(
    texts=st.lists(st.tuples(st.integers(0, 10**12), st.text()), max_size=4),
    status=st.integers(200, 599),
)
def test_a_cassette_survives_its_file(texts: list[tuple[int, str]], status: int) -> None:
    """What is written is read again, whatever it holds."""
    chunks = tuple(Chunk(after_ns=after_ns, text=text) for after_ns, text in texts)
    recording = Recording(
        method="POST",
        path="/v1/messages",
        body="{}",
        status=status,
        headers=(("content-type", "x"),),
        headers_after_ns=5,
        chunks=chunks,
    )
    cassette = Cassette(recordings=(recording,))
    assert cassette == load_cassette(dump_cassette(cassette), "file")
