from __future__ import annotations

import json
from collections.abc import Callable

import httpx2
import pytest
from openai import AsyncOpenAI

from agent_perf.components import (
    Chunk,
    Message,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
    OpenAiModel,
    Tool,
    ToolCall,
    Usage,
)
from agent_perf.sim import Reply, SimHttp, SimLlm, SimLoop, llm, simulate
from tests.components.fakes import Counts, constant_draws


async def search(q: str) -> str:
    return q


SEARCH = Tool(
    name="search",
    description="Finds documents.",
    parameters={"type": "object", "properties": {"q": {"type": "string"}}},
    call=search,
)
HELLO = [Message(role="user", content="hello")]


def ask(
    prepare: Callable[[SimHttp, SimLlm], object],
    messages: list[Message] = HELLO,
    tools: tuple[Tool, ...] = (),
    **client: object,
) -> tuple[list[Chunk], Counts]:
    """Return what a simulated model says through the real openai client."""

    async def main(_: SimLoop) -> tuple[list[Chunk], Counts]:
        counts = Counts()
        draws = constant_draws(http_connect=0.0, http_request=0.0, llm_token=0.01)
        http = SimHttp(draws, counts)
        server = SimLlm(http, draws, counts, tokens_per_chunk=2)
        base_url = prepare(http, server) or server.base_url
        async with http.client(httpx2, **client) as http_client:
            openai_client = AsyncOpenAI(api_key="x", base_url=base_url, http_client=http_client)
            model = OpenAiModel(openai_client, "gpt-4o-mini", temperature=0)
            return [chunk async for chunk in model(messages, tools)], counts

    return simulate(main, executor="inline")


def answer_with(*events: str, status: int = 200, **headers: str) -> Callable[..., str]:
    """Return a preparation that mounts a server of one answer, a stream of *events*."""

    def prepare(http: SimHttp, _: SimLlm) -> str:
        async def handler(_: object) -> Reply:
            body = "".join(f"data: {event}\n\n" for event in events).encode()
            rows = {"content-type": "text/event-stream"} | headers
            return Reply(status=status, headers=tuple(rows.items()), content=body)

        http.mount("odd.sim", handler)
        return "http://odd.sim/v1"

    return prepare


def test_text_comes_in_pieces_with_its_usage() -> None:
    """
    A streamed text of six tokens comes in three pieces, and then what it cost.
    """
    chunks, counts = ask(lambda _, server: server.script(llm.text("abcdef", tokens=6)))

    assert "abcdef" == "".join(chunk for chunk in chunks if isinstance(chunk, str))
    assert 3 <= sum(isinstance(chunk, str) for chunk in chunks)
    usage = Usage(tokens_in=counts.total["llm_tokens_in"], tokens_out=6)
    assert usage == chunks[-1]


def test_tool_calls_are_put_together_from_fragments() -> None:
    """
    Two calls whose arguments come in fragments are two whole calls, in order.
    """
    chunks, _ = ask(
        lambda _, server: server.script(
            (llm.call_tool("search", q="refunds"), llm.call_tool("search", q="returns")),
            llm.text("done"),
        ),
        tools=(SEARCH,),
    )
    calls = [chunk for chunk in chunks if isinstance(chunk, ToolCall)]

    assert [("search", '{"q":"refunds"}'), ("search", '{"q":"returns"}')] == [
        (call.name, call.arguments) for call in calls
    ]
    assert 2 == len({call.id for call in calls})


@pytest.mark.parametrize("repeats_ids", [False, True])
def test_calls_that_all_have_one_number_are_told_apart(repeats_ids: bool) -> None:
    """
    Some servers number all calls 0: a new id begins the next, and what follows is of that one,
    whether the id is told once or with each fragment.
    """

    def fragment(call_id: str, arguments: str) -> str:
        call = {"index": 0, "id": call_id or None, "function": {"arguments": arguments}}
        delta = {"role": "assistant", "tool_calls": [call]}
        return json.dumps(
            {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
            }
        )

    pieces = [
        fragment(name if first or repeats_ids else "", text)
        for name in ("a", "b", "c")
        for first, text in ((True, '{"q":'), (False, f'"{name}"'), (False, "}"))
    ]
    chunks, _ = ask(answer_with(*pieces, CHUNK % '"tool_calls"', "[DONE]"))

    assert [("a", '{"q":"a"}'), ("b", '{"q":"b"}'), ("c", '{"q":"c"}')] == [
        (chunk.id, chunk.arguments) for chunk in chunks if isinstance(chunk, ToolCall)
    ]


def test_a_conversation_with_tools_is_understood() -> None:
    """
    Calls and results of earlier turns are sent in the API's form: the script goes on.
    """
    call = ToolCall(id="call_1", name="search", arguments='{"q":"refunds"}')
    chunks, _ = ask(
        lambda _, server: server.script(llm.call_tool("search", q="refunds"), llm.text("done")),
        messages=[
            Message(role="system", content="Be brief."),
            *HELLO,
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="found", tool_call_id="call_1"),
        ],
        tools=(SEARCH,),
    )

    assert "done" == "".join(chunk for chunk in chunks if isinstance(chunk, str))


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (llm.rate_limited(7), ModelRateLimitError),
        (llm.fail(500), ModelUnavailableError),
        (llm.fail(503), ModelUnavailableError),
        (llm.fail(401), ModelError),
        (llm.fail(400), ModelError),
    ],
)
def test_errors_of_the_api_are_ours(turn: object, expected: type[ModelError]) -> None:
    """
    Each status is the error that tells what to do about it, after one request: the
    client's own retries are off.
    """
    seen: list[Counts] = []

    def prepare(_: SimHttp, server: SimLlm) -> None:
        server.script(turn)
        seen.append(server._witness)

    with pytest.raises(ModelError) as caught:
        ask(prepare)

    assert expected is type(caught.value)
    wait_s = 7.0 if expected is ModelRateLimitError else None
    assert wait_s == getattr(caught.value, "retry_after_s", None)
    assert 1 == seen[0].total["llm_calls"]


def test_a_slow_api_is_a_time_out() -> None:
    """
    When the client's time-out passes, that is what the error says.
    """
    with pytest.raises(ModelTimeoutError):
        ask(lambda *_: None, timeout=0.001)


CHUNK = (
    '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    '[{"index":0,"delta":{"content":"hel"},"finish_reason":%s}]}'
)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ('{"prompt_tokens":17,"total_tokens":17}', Usage(tokens_in=17)),
        (
            '{"prompt_tokens":17,"completion_tokens":null,"prompt_tokens_details":{}}',
            Usage(tokens_in=17),
        ),
        ('{"prompt_tokens":null,"completion_tokens":5}', Usage(tokens_out=5)),
    ],
)
def test_usage_with_gaps_is_read_as_far_as_it_goes(usage: str, expected: Usage) -> None:
    """
    What a server leaves away of the tokens, or gives as null, does not lose the answer.
    """
    bill = f'{{"id":"1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{usage}}}'
    chunks, _ = ask(answer_with(CHUNK % '"stop"', bill, "[DONE]"))

    assert ["hel", expected] == chunks


@pytest.mark.parametrize(
    ("status", "is_free"),
    [
        *((status, True) for status in (400, 429, 500, 503)),
        *((status, False) for status in (408, 502, 504, 524)),
    ],
)
def test_what_a_gateway_gave_up_may_have_cost(status: int, is_free: bool) -> None:
    """
    Refusals are free; of what a gateway waited for in vain nobody knows.
    """
    with pytest.raises(ModelError) as raised:
        ask(answer_with('{"error":{"message":"no"}}', status=status))

    assert is_free is raised.value.is_free


@pytest.mark.parametrize(
    ("events", "expected", "said"),
    [
        ((CHUNK % "null",), ModelUnavailableError, "ended before"),
        ((CHUNK % "null", "[DONE]"), ModelUnavailableError, "ended before"),
        ((CHUNK % '"content_filter"', "[DONE]"), ModelReplyError, "content filter"),
        (('{"error":{"message":"overloaded"}}',), ModelUnavailableError, "overloaded"),
    ],
)
def test_streams_that_end_badly_are_errors(
    events: tuple[str, ...], expected: type[ModelError], said: str
) -> None:
    """
    A stream that stops in the middle, is withheld, or carries an error is not an answer.
    """
    with pytest.raises(expected, match=said):
        ask(answer_with(*events))
