"""
A simulated model behind the real openai client: scripted words, drawn times, exact costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import InjectedError
from agent_perf.sim.request import Witness, running_request
from agent_perf.sim.services.http import Reply, SimHttp, SimRequest
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.chat_request import ChatRequest, Message, Refusal, parse_chat
from agent_perf.sim.services.llm.chat_wire import (
    SSE_HEADERS,
    Head,
    Speech,
    calls_speech,
    completion,
    error_reply,
    refusal_of,
    stream_chunks,
    text_speech,
)
from agent_perf.sim.services.llm.clients import sdk_client
from agent_perf.sim.services.llm.prices import PRICES, Price
from agent_perf.sim.services.llm.stream import TokenStream
from agent_perf.sim.services.llm.turns import (
    Failure,
    Script,
    Text,
    ToolCall,
    Turn,
    content_of,
    script_of,
)
from agent_perf.units import NS

if TYPE_CHECKING:
    import anthropic
    import openai

_JSON_HEADERS: Final = (("content-type", "application/json"),)
_TOKENS_DRAWN: Final = (24, 72)
_CONVERSATIONS_KEPT: Final = 10_000
_NO_TURNS: Final = Script(turns=(Text(content=None, tokens=None),), can_fail=False)


class SimLlm:
    """
    A chat-completions API at `base_url`.

    The first chunk of an answer is due one draw of ``llm.first_token`` after the request,
    each later chunk a draw of ``llm.token`` for each of its tokens after the one before.
    An answer in one piece takes the same time in all. An error takes a draw of
    ``http.request``.

    Which turn of a script is due follows from the conversation: as many as assistant
    messages stand after the user's last message. A turn that fails counts too, once for
    each request of the simulation and each conversation in it: a retry gets the next.

    Counts: llm_calls (all), llm_calls_holding_db, llm_tokens_in, llm_tokens_out (of a
    stream: what was sent before it ended or the client left), llm_cost_nanousd. Spans:
    llm.first_token, llm.stream (the rest). Detail: the model's name.

    Args:
        http: Where it is mounted.
        draws: Where times and open lengths come from.
        witness: Who is told.
        host: Its host name.
        tokens_per_chunk: Size of a stream's chunks after the first, >= 1.
        prices: By the model's name.
        default_price: Of other models; None: they do not exist.
        clock_s: The Unix time, as code in the simulation reads it.
    """

    def __init__(
        self,
        http: SimHttp,
        draws: Draws,
        witness: Witness,
        *,
        host: str = "llm.sim",
        tokens_per_chunk: int = 4,
        prices: Mapping[str, Price] = PRICES,
        default_price: Price | None = PRICES["gpt-4o-mini"],
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        if tokens_per_chunk < 1:
            raise ConfigError(f"tokens_per_chunk={tokens_per_chunk}; want at least 1")
        self.base_url = f"http://{host}/v1"
        self._http = http
        self._draws = draws
        self._witness = witness
        self._tokens_per_chunk = tokens_per_chunk
        self._prices = prices
        self._default_price = default_price
        self._clock_s = clock_s
        self._script = _NO_TURNS
        self._routes: list[tuple[Callable[[ChatRequest], bool], Script]] = []
        # Request and conversation to the failures served, and whether the last turn was one.
        self._failed: dict[tuple[int, tuple[Message, ...]], tuple[int, bool]] = {}
        http.mount(host, self._answer, refuse=_refused)

    def script(self, *turns: Turn | ToolCall) -> None:
        """
        Let conversations that no `route` takes go through *turns*; the last one repeats.

        Without a script, the model writes texts of 24 to 72 tokens.

        Raises:
            ConfigError: If there is no turn, one is something else, or the last one calls
                a tool, which would go on for ever.
        """
        self._script = script_of(turns)

    def route(self, predicate: Callable[[ChatRequest], bool], *turns: Turn | ToolCall) -> None:
        """Let conversations for which *predicate* holds go through *turns*; first match wins."""
        self._routes.append((predicate, script_of(turns)))

    def openai(self, **client_kwargs: Any) -> openai.AsyncOpenAI:
        """Return openai's own client of this endpoint; arguments as its class takes them."""
        client: openai.AsyncOpenAI = sdk_client(
            self._http, "openai", "AsyncOpenAI", self.base_url, client_kwargs
        )
        return client

    def anthropic(self, **client_kwargs: Any) -> anthropic.AsyncAnthropic:
        """Return anthropic's own client of this endpoint; likewise."""
        client: anthropic.AsyncAnthropic = sdk_client(
            self._http,
            "anthropic",
            "AsyncAnthropic",
            self.base_url.removesuffix("/v1"),
            client_kwargs,
        )
        return client

    async def _answer(self, request: SimRequest) -> Reply:
        try:
            return await self._answer_chat(self._accepted(request))
        except Refusal as refusal:
            await asyncio.sleep(self._draws.ns("llm.error", "http.request") / NS)
            return error_reply(refusal)

    def _accepted(self, request: SimRequest) -> ChatRequest:
        if request.path != "/v1/chat/completions":
            raise Refusal(404, f"Invalid URL ({request.method} {request.path})")
        if request.method != "POST":
            raise Refusal(405, "Only POST requests are accepted.", code="method_not_supported")
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(
                401,
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        chat = parse_chat(request.content)
        if self._price(chat.model) is None:
            raise Refusal(
                404,
                f"The model `{chat.model}` does not exist or you do not have access to it.",
                code="model_not_found",
            )
        return chat

    async def _answer_chat(self, chat: ChatRequest) -> Reply:
        witness, model = self._witness, chat.model
        witness.count("llm_calls", 1, model)
        if running_request().connections_held > 0:
            witness.count("llm_calls_holding_db", 1, model)
        turn = self._turn(chat)
        if isinstance(turn, Failure):
            raise refusal_of(turn)
        head = Head(
            reply_id=f"{self._draws.u53('llm.id'):014x}",
            created_s=int(self._clock_s()),
            model=model,
        )
        speech = self._speech(turn, chat, head)
        prompt_tokens = chat.prompt_tokens()
        self._bill(model, tokens_in=prompt_tokens)
        first_ns, gaps_ns = self._times(speech)
        if not chat.stream:
            self._bill(model, tokens_out=sum(speech.tokens))
            await self._generate("llm.first_token", first_ns, model)
            await self._generate("llm.stream", sum(gaps_ns), model)
            return Reply(headers=_JSON_HEADERS, content=completion(head, speech, prompt_tokens))
        await self._generate("llm.first_token", first_ns, model)
        start_ns = sim_loop().now_ns

        def ended(tokens_sent: int) -> None:
            self._bill(model, tokens_out=tokens_sent)
            witness.span("llm.stream", start_ns, sim_loop().now_ns, model)

        chunks = stream_chunks(head, speech, prompt_tokens, wants_usage=chat.wants_usage)
        stream = TokenStream(chunks, gaps_ns, speech.tokens, ended)
        return Reply(headers=SSE_HEADERS, content=stream)

    def _turn(self, chat: ChatRequest) -> Turn:
        script = self._script
        for predicate, its_script in self._routes:
            if predicate(chat):
                script = its_script
                break
        answered = chat.answered_count()
        if not script.can_fail:
            return script.turn(answered, 0)
        begun = chat.messages[: chat.user_message_index() + 1]
        key = (running_request().request_id, begun)
        failed, last_failed = self._failed.pop(key, (0, False))
        if answered == 0 and not last_failed:
            # The same question once more, not a retry: from the script's beginning.
            failed = 0
        turn = script.turn(answered, failed)
        last_failed = isinstance(turn, Failure)
        self._failed[key] = (failed + last_failed, last_failed)
        if len(self._failed) > _CONVERSATIONS_KEPT:
            # The one that was silent longest; by then it has long ended.
            del self._failed[next(iter(self._failed))]
        return turn

    def _speech(self, turn: Text | tuple[ToolCall, ...], chat: ChatRequest, head: Head) -> Speech:
        if isinstance(turn, tuple):
            _check_offered(turn, chat)
            return calls_speech(turn, head.reply_id, self._tokens_per_chunk)
        drawn = 0
        if turn.content is None and turn.tokens is None:
            drawn = self._draws.integer("llm.length", *_TOKENS_DRAWN)
        content, tokens, cut = content_of(turn, drawn, chat.tokens_max)
        return text_speech(content, tokens, self._tokens_per_chunk, cut=cut)

    def _times(self, speech: Speech) -> tuple[int, list[int]]:
        first_ns = self._draws.ns("llm.first_token")
        return first_ns, [0, *self._draws.ns_of_runs("llm.token", speech.tokens[1:])]

    async def _generate(self, operation: str, latency_ns: int, model: str) -> None:
        start_ns = sim_loop().now_ns
        try:
            await asyncio.sleep(latency_ns / NS)
        finally:
            self._witness.span(operation, start_ns, sim_loop().now_ns, model)

    def _bill(self, model: str, *, tokens_in: int = 0, tokens_out: int = 0) -> None:
        price = self._price(model)
        assert price is not None
        if tokens_in:
            self._witness.count("llm_tokens_in", tokens_in, model)
        if tokens_out:
            self._witness.count("llm_tokens_out", tokens_out, model)
        cost = tokens_in * price.token_in_nanousd + tokens_out * price.token_out_nanousd
        if cost:
            self._witness.count("llm_cost_nanousd", cost, model)

    def _price(self, model: str) -> Price | None:
        return self._prices.get(model, self._default_price)


def _refused(error: InjectedError) -> Reply:
    failure = Failure(status=error.status, retry_after_s=error.retry_after_s)
    return error_reply(refusal_of(failure))


def _check_offered(calls: tuple[ToolCall, ...], chat: ChatRequest) -> None:
    offered = chat.tool_names()
    for call in calls:
        if call.name not in offered:
            raise ConfigError(
                f"the script calls the tool {call.name!r}, but the request offers "
                f"{list(offered)}; script another tool, or send it with the request"
            )
