"""
What a served model says, as a file tells it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from agent_perf.errors import ConfigError
from agent_perf.sim import llm
from agent_perf.toml_text import parse_toml

FILE_BYTES_MAX: Final = 4 << 20
_Tokens = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(ge=0)]
_Usd = Annotated[float, Meta(ge=0, le=1e6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """
    One turn: an error (`status`), calls of tools (`tool` or `tools`), or words.

    Attributes:
        text: What it writes, perhaps before it calls; ``{user}``, ``{tool}``, ``{model}`` and
            ``{turn}`` stand for what they say if `is_template`.
        is_template: Whether they do.
        tokens: How long it is; None: as the text is, or a drawn length.
        finish: ``stop``, ``length``, ``content_filter`` or ``refusal``.
        first_token: When it begins, as ``"300ms"``; None: drawn.
        token: Time from token to token, likewise.
        tool: Name of the tool that it calls.
        arguments: Of that call.
        tools: Several calls at once: each with `tool` and `arguments`.
        status: Of an error, 400 to 599.
        retry_after_s: What the error asks the client to wait.
        stall_after_tokens: A silence begins there.
        stall_for_s: How long it is; None: for ever.
        cut_after_tokens: The connection ends there.
    """

    text: str | None = None
    is_template: bool = False
    tokens: _Tokens | None = None
    finish: str = "stop"
    first_token: str | float | None = None
    token: str | float | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[CallRow, ...] = ()
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    retry_after_s: _Seconds | None = None
    stall_after_tokens: Annotated[int, Meta(ge=0)] | None = None
    stall_for_s: _Seconds | None = None
    cut_after_tokens: Annotated[int, Meta(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One of several calls in a turn."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """
    Turns for some conversations.

    Attributes:
        turns: What is said in them.
        contains: Text in the user's last message, in any case of letters; empty: any.
        model: Pattern of the model's name, as ``gpt-4o*``.
    """

    turns: tuple[TurnRow, ...]
    contains: str = ""
    model: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """
    Dollars for a million tokens of a model.

    Attributes:
        input: Of the prompt.
        output: Of the answer.
        cached: Of the prompt, read from the cache; None: as any other.
    """

    input: _Usd
    output: _Usd
    cached: _Usd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScript:
    """
    The content of a script file.

    Attributes:
        turns: What is said where no route holds; empty: texts of 24 to 72 tokens.
        routes: The first that holds for a conversation is taken.
        prices: By the model's name.
    """

    turns: tuple[TurnRow, ...] = ()
    routes: tuple[RouteRow, ...] = ()
    prices: Mapping[str, PriceRow] = field(default_factory=dict)

    def apply(self, model: llm.SimLlm) -> None:
        """
        Let *model* say it.

        Raises:
            ConfigError: If a turn is none, or the last of several calls a tool.
        """
        if self.turns:
            with _told_at("turns"):
                model.script(*map(_turn, self.turns))
        for number, route in enumerate(self.routes):
            with _told_at(f"routes[{number}]"):
                model.route(_predicate(route), *map(_turn, route.turns))
        for name, price in self.prices.items():
            model.price(
                name,
                llm.Price(
                    token_in_nanousd=_nanousd(price.input),
                    token_out_nanousd=_nanousd(price.output),
                    token_cached_nanousd=None if price.cached is None else _nanousd(price.cached),
                ),
            )


def load_model_script(path: Path) -> ModelScript:
    """
    Return the script in the TOML file *path*.

    Raises:
        ConfigError: If it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"script {path}: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"script {path}: more than {FILE_BYTES_MAX:,} bytes")
    try:
        table = parse_toml(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"script {path}: no TOML: {error}") from error
    _refuse_unknown(table, ModelScript, str(path))
    try:
        return msgspec.convert(table, ModelScript)
    except msgspec.ValidationError as error:
        words = str(error).replace("`", "").replace("$.", "")
        raise ConfigError(f"script {path}: {words}") from error


_ROWS: Final[Mapping[type, Mapping[str, type]]] = {
    ModelScript: {"turns": TurnRow, "routes": RouteRow, "prices": PriceRow},
    RouteRow: {"turns": TurnRow},
    TurnRow: {"tools": CallRow},
    CallRow: {},
    PriceRow: {},
}


def _refuse_unknown(table: Any, kind: type, where: str) -> None:
    # msgspec passes over what a dataclass does not have.
    if not isinstance(table, Mapping):
        return
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]  # Each kind is a dataclass.
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; there are {', '.join(known)}")
        inner = _ROWS[kind].get(key)
        if inner is None:
            continue
        rows = value.values() if isinstance(value, Mapping) else value
        for row in rows if not isinstance(rows, str | int | float) else ():
            _refuse_unknown(row, inner, f"{where}: {key}")


@contextmanager
def _told_at(where: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _turn(row: TurnRow) -> Any:
    calls = row.tools
    if row.tool is not None:
        calls = (*calls, CallRow(tool=row.tool, arguments=row.arguments))
    if row.status is not None:
        if calls or row.text is not None or row.tokens is not None:
            raise ConfigError("a status, and words or calls; want one of them")
        if row.retry_after_s is None:
            return llm.fail(row.status)
        return _failure(row.status, row.retry_after_s)
    said = _said(row)
    if calls:
        made = tuple(llm.call_tool(call.tool, **call.arguments) for call in calls)
        has_words = row.text is not None or row.tokens is not None
        said = (said, *made) if has_words else made
    if row.stall_after_tokens is not None:
        return llm.stall(said, after_tokens=row.stall_after_tokens, for_s=row.stall_for_s)
    if row.cut_after_tokens is not None:
        return llm.truncated(said, after_tokens=row.cut_after_tokens)
    return said


def _said(row: TurnRow) -> Any:
    if row.is_template:
        if row.first_token is not None or row.token is not None:
            raise ConfigError("a template's times are drawn; leave first_token and token out")
        return llm.templated(row.text or "", row.tokens)
    return llm.text(row.text, row.tokens, row.finish, ttft=row.first_token, itl=row.token)


def _failure(status: int, retry_after_s: float) -> Any:
    if status != 429:
        raise ConfigError("retry_after_s goes with status 429")
    return llm.rate_limited(retry_after_s)


def _predicate(route: RouteRow) -> Callable[[llm.ChatRequest], bool]:
    words = re.compile(re.escape(route.contains), re.IGNORECASE)

    def holds(chat: llm.ChatRequest) -> bool:
        return fnmatchcase(chat.model, route.model) and bool(words.search(chat.last_user_text))

    return holds


def _nanousd(usd_per_million: float) -> int:
    return round(usd_per_million * 1000)
