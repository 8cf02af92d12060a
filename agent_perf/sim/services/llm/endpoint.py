"""
A simulated model behind real SDK clients: scripted words, drawn times, exact costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import InjectedError
from agent_perf.sim.request import Witness, running_request
from agent_perf.sim.services.http import Reply, SimHttp, SimRequest
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.api import Api, Call, Head, Usage
from agent_perf.sim.services.llm.api_paths import api_path
from agent_perf.sim.services.llm.chat_wire import ChatApi
from agent_perf.sim.services.llm.clients import sdk_client
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.delivery import JSON_HEADERS, Delivery, wait
from agent_perf.sim.services.llm.embeddings import embeddings, parse_embeddings
from agent_perf.sim.services.llm.messages_wire import MessagesApi
from agent_perf.sim.services.llm.openai_errors import check_post
from agent_perf.sim.services.llm.playing import Player, player_of
from agent_perf.sim.services.llm.prices import PRICES, Price
from agent_perf.sim.services.llm.prompt_cache import CACHED_FROM_TOKENS, PromptCache
from agent_perf.sim.services.llm.quota import LimitReached, Quota
from agent_perf.sim.services.llm.refusal import Refusal, refusal_of
from agent_perf.sim.services.llm.responses_wire import ResponsesApi
from agent_perf.sim.services.llm.saying import course_for, spoken_of
from agent_perf.sim.services.llm.scripts import Scripts
from agent_perf.sim.services.llm.till import Till
from agent_perf.sim.services.llm.tools import ToolWatch
from agent_perf.sim.services.llm.turns import Failure, Said
from agent_perf.units import NS

if TYPE_CHECKING:
    import anthropic
    import openai

_EMBEDDINGS: Final = "/v1/embeddings"


class SimLlm:
    """
    A model endpoint at `base_url` that speaks OpenAI's chat completions, responses and
    embeddings, and Anthropic's messages. One script holds for all of them.

    The first chunk of an answer is due one draw of ``llm.first_token`` after the request,
    each later chunk a draw of ``llm.token`` for each of its tokens after the one before.
    An answer in one piece takes the same time in all. An error takes a draw of
    ``http.request``, embeddings one of ``llm.first_token``'s table.

    Which turn of a script is due follows from the conversation: as many as assistant
    messages stand after the user's last message. A turn that fails counts too, once for
    each request of the simulation and each conversation in it: a retry gets the next.

    Prompts of 1,024 tokens and more are cached, as the hosted APIs do.

    Counts: llm_calls (all), llm_calls_holding_db, llm_rate_limited (by `limit`),
    llm_embeddings, llm_tokens_in, llm_tokens_cached, llm_tokens_out (of a stream: what was
    sent before it ended or the client left), llm_cost_nanousd. Spans: llm.first_token,
    llm.stream (the rest). Detail: the model's name.

    Args:
        http: Where it is mounted.
        draws: Where times and open lengths come from.
        witness: Who is told.
        host: Its host name.
        tokens_per_chunk: Size of a stream's chunks after the first, >= 1.
        prices: By the model's name.
        default_price: Of other models; None: they do not exist.
        clock_s: The Unix time, as code in the simulation reads it.

    Attributes:
        tools: What becomes of the tools that it calls, once `watch_tools` was called.
        token_work: Charges for the CPU time of so many tokens as they come; None: nobody does.
    """

    token_work: Callable[[int], None] | None = None

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
        self._clock_s = clock_s
        self._till = Till(witness, prices, default_price)
        self._prompt_cache = PromptCache()
        self._quota: Quota | None = None
        self._player: Player | None = None
        self._scripts = Scripts()
        chat = ChatApi()
        self._other_paths = chat
        self._apis: dict[str, Api] = {
            "/v1/chat/completions": chat,
            "/v1/messages": MessagesApi(),
            "/v1/responses": ResponsesApi(),
        }
        self.tools = ToolWatch(witness)
        self._hosts = {host.lower()}
        http.mount(host, self._answer, refuse=self._refused)

    def script(self, *turns: Said | Failure) -> None:
        """
        Let conversations that no `route` takes go through *turns*; the last one repeats.

        Without a script, the model writes texts of 24 to 72 tokens.

        Raises:
            ConfigError: If there is no turn, one is something else, or the last one calls
                a tool, which would go on for ever.
        """
        self._scripts.give(turns)

    def __call__(self, *turns: Said | Failure) -> None:
        """
        Let the model say *turns*: as `script`, and within a request for this request alone.

        What belongs to no request, such as a queue's worker, goes through what was said last.
        """
        self._scripts.say(turns)

    @property
    def is_scripted(self) -> bool:
        """Whether anybody has said what it is to answer."""
        return self._scripts.are_given or self._player is not None

    def at(self, host: str) -> None:
        """
        Be found at *host*, too, on whatever path before ``/chat/completions`` and the like.

        ``api.openai.com`` and other well-known ones need not be said where an application's own
        clients are caught.

        Raises:
            ConfigError: If *host* is not a bare host name, or is mounted already.
        """

        async def answer(request: SimRequest) -> Reply:
            return await self._answer(replace(request, path=api_path(request.path)))

        def refused(error: InjectedError, path: str) -> Reply:
            return self._refused(error, api_path(path))

        self._http.mount(host, answer, refuse=refused)
        self._hosts.add(host.lower())
        if self._http.faults is not None:
            self._http.faults.call_host(host.lower(), "llm")

    def route(self, predicate: Callable[[ChatRequest], bool], *turns: Said | Failure) -> None:
        """Let conversations for which *predicate* holds go through *turns*; first match wins."""
        self._scripts.route(predicate, turns)

    def limit(
        self, *, requests_per_min: int | None = None, tokens_per_min: int | None = None
    ) -> None:
        """
        Admit only so much per minute of virtual time; the rest is answered 429.

        A request counts as many tokens as its prompt has, or as it allows the answer to
        have, whichever are more.

        Raises:
            ConfigError: If there is no limit, or one is less than 1.
        """
        self._quota = Quota(requests_per_min=requests_per_min, tokens_per_min=tokens_per_min)

    def watch_tools(self) -> None:
        """Count the tools whose results are told from now on: see ToolWatch."""
        self._http.before = self._note_results

    async def _note_results(self, request: Any) -> None:
        if request.url.host.lower() not in self._hosts:
            return
        asked = SimRequest(
            method=request.method,
            host=request.url.host,
            path=api_path(request.url.path),
            query="",
            headers=request.headers,
            content=await request.aread(),
        )
        api = self._apis.get(asked.path)
        if api is None:
            return
        try:
            call = api.read(asked)
        except Refusal:
            # The host says so, when it is asked.
            return
        await self.tools.returned(call.chat)

    def price(self, model: str, price: Price) -> None:
        """Let *model* cost *price*, whatever the table says."""
        self._till.prices[model] = price

    def cassette(self, path: str | Path, *, ignore: Iterable[str] = ()) -> None:
        """
        Answer what `record` kept in the file *path*, as late as it was, and nothing else.

        A request is known by its method, path and body. Scripts and limits rest.

        Args:
            path: The file.
            ignore: Names of the body's fields that do not matter, such as ``metadata``.

        Raises:
            ConfigError: If the file cannot be read, or is empty.
            StoreError: If it is cut, of another kind, or of a newer schema.
        """
        self._player = player_of(Path(path), tuple(ignore), self._till, self._witness)

    def openai(self, **client_kwargs: Any) -> openai.AsyncOpenAI:
        """Return openai's own client of this endpoint; arguments as its class takes them."""
        client: openai.AsyncOpenAI = sdk_client(
            self._http, "openai", "AsyncOpenAI", self.base_url, client_kwargs
        )
        return client

    def anthropic(self, **client_kwargs: Any) -> anthropic.AsyncAnthropic:
        """Return anthropic's own client of this endpoint; likewise."""
        base_url = self.base_url.removesuffix("/v1")
        client: anthropic.AsyncAnthropic = sdk_client(
            self._http, "anthropic", "AsyncAnthropic", base_url, client_kwargs
        )
        return client

    async def _answer(self, request: SimRequest) -> Reply:
        if self._player is not None:
            return await self._player.answer(request)
        api = self._apis.get(request.path, self._other_paths)
        try:
            if request.path not in self._apis:
                return await self._answer_other(request)
            call = api.read(request)
            self._till.check(call.chat.model)
            return await self._answer_call(api, call)
        except Refusal as refusal:
            await asyncio.sleep(self._draws.ns("llm.error", "http.request") / NS)
            return api.error(refusal)

    def _refused(self, error: InjectedError, path: str) -> Reply:
        failure = Failure(status=error.status, retry_after_s=error.retry_after_s)
        return self._apis.get(path, self._other_paths).error(refusal_of(failure))

    async def _answer_other(self, request: SimRequest) -> Reply:
        if request.path != _EMBEDDINGS:
            raise Refusal(404, f"Invalid URL ({request.method} {request.path})")
        check_post(request)
        asked = parse_embeddings(request.content)
        self._till.check(asked.model)
        self._witness.count("llm_embeddings", 1, asked.model)
        self._admit(self._other_paths, asked.tokens)
        self._till.bill_prompt(asked.model, Usage(prompt=asked.tokens))
        latency_ns = self._draws.ns("llm.embedding", "llm.first_token")
        await wait("llm.embedding", latency_ns, self._witness, asked.model)
        return Reply(headers=JSON_HEADERS, content=embeddings(asked))

    async def _answer_call(self, api: Api, call: Call) -> Reply:
        chat = call.chat
        model, witness = chat.model, self._witness
        witness.count("llm_calls", 1, model)
        if running_request().connections_held > 0:
            witness.count("llm_calls_holding_db", 1, model)
        prompt_tokens = chat.prompt_tokens()
        headers = self._admit(api, max(prompt_tokens, chat.tokens_max or 0))
        turn = self._scripts.turn(chat)
        if isinstance(turn, Failure):
            raise refusal_of(turn)
        spoken = spoken_of(turn, chat, self._draws, self._tokens_per_chunk)
        course = course_for(turn, spoken, self._draws)
        end_ns = sim_loop().now_ns + course.first_ns + course.until_cut_ns()
        cached = written = 0
        if prompt_tokens >= CACHED_FROM_TOKENS:
            cached, written = self._prompt_cache.read(chat, call.cache_marks, sim_loop().now_ns)
        usage = Usage(
            prompt=prompt_tokens, cached=cached, written=written, output=sum(course.sizes)
        )
        head = Head(
            reply_id=f"{self._draws.u53('llm.id'):014x}",
            created_s=int(self._clock_s()),
            model=model,
        )
        self.tools.called(head.reply_id, turn.calls, end_ns)
        return await Delivery(
            call=call,
            head=head,
            spoken=spoken,
            course=course,
            usage=usage,
            headers=headers,
            till=self._till,
            witness=witness,
            note_failure=self._scripts.failure_of(turn, chat),
            work=self.token_work,
        ).deliver()

    def _admit(self, api: Api, tokens: int) -> tuple[tuple[str, str], ...]:
        """Return the headers that tell the limits; raises Refusal if one is reached."""
        if self._quota is None:
            return ()
        try:
            limits = self._quota.admit(tokens, sim_loop().now_ns, self._clock_s())
        except LimitReached as reached:
            self._witness.count("llm_rate_limited", 1)
            reached.headers = api.limit_headers(reached.limits)
            raise
        return api.limit_headers(limits)
