"""How one question is answered."""

import json
from dataclasses import dataclass
from typing import Any

from support_agent import store
from support_agent.cache import Answers, Session, Sessions
from support_agent.dependencies import Dependencies
from support_agent.events import Publisher, Turn
from support_agent.model import stream_message
from support_agent.prompts import opening, reference, topic_of
from support_agent.settings import Settings

MODEL_CALLS_MAX = 4


class UnknownCustomerError(Exception):
    """There is no customer with this id."""


class NoAnswerError(Exception):
    """The model kept asking for tools instead of answering."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    text: str
    source: str  # "cache" or "model"


class SupportAgent:
    def __init__(
        self, dependencies: Dependencies, settings: Settings, publisher: Publisher
    ) -> None:
        self._engine = dependencies.engine
        self._client = dependencies.model
        self._model = settings.model
        self._sessions = Sessions(dependencies.redis, settings.session_ttl_s)
        self._answers = Answers(dependencies.redis, settings.answer_ttl_s)
        self._publisher = publisher

    async def answer(self, customer_id: int, question: str) -> Answer:
        session = await self._session(customer_id)
        turn = self._publisher.turn(f"private-customer-{customer_id}")
        turn.send("turn.started", {"name": session.name, "question": question})
        messages = opening(question)
        text = await self._answers.find(messages)
        source = "cache"
        if text is None:
            text = await self._ask_model(messages, customer_id, question, turn)
            source = "model"
        turn.send("turn.answered", {"text": text, "source": source})
        turn.flush()
        return Answer(text=text, source=source)

    async def _session(self, customer_id: int) -> Session:
        session = await self._sessions.find(customer_id)
        if session is None:
            async with self._engine.connect() as connection:
                name = await store.find_customer_name(connection, customer_id)
            if name is None:
                raise UnknownCustomerError(f"no customer {customer_id}")
            session = Session(name=name)
            await self._sessions.save(customer_id, session)
        return session

    async def _ask_model(
        self, messages: list[dict[str, Any]], customer_id: int, question: str, turn: Turn
    ) -> str:
        async with self._engine.connect() as connection:
            articles = await store.find_articles(connection, topic_of(question))
        conversation = [*messages, reference(articles)]
        text = await self._converse(conversation, customer_id, turn)
        async with self._engine.begin() as connection:
            await store.save_exchange(connection, customer_id, question, text)
        # What was written with the customer's own orders at hand is nobody else's answer.
        if not any(message["role"] == "tool" for message in conversation):
            await self._answers.save(messages, text)
        return text

    async def _converse(
        self, conversation: list[dict[str, Any]], customer_id: int, turn: Turn
    ) -> str:
        """Return the model's answer; its tool calls are added to *conversation*."""
        for _ in range(MODEL_CALLS_MAX):
            message = await stream_message(self._client, self._model, conversation, turn)
            if not message.tool_calls:
                return message.text
            conversation.append(message.as_input())
            for call in message.tool_calls:
                turn.send("tool.called", {"name": call.name})
                newest = json.loads(call.arguments).get("newest", 5)
                # The model says how many, never whose: it can be talked into anything.
                async with self._engine.connect() as connection:
                    orders = await store.find_orders(connection, customer_id, newest)
                result = json.dumps(orders)
                conversation.append({"role": "tool", "tool_call_id": call.id, "content": result})
        raise NoAnswerError(f"no answer after {MODEL_CALLS_MAX} model calls")
