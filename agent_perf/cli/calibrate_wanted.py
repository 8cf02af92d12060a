"""
What the options of `agent-perf calibrate` ask of services.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agent_perf import codec
from agent_perf.config import Config, NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live import ReadyRequest, ready, request_of
from agent_perf.live.calibration import ModelQuestion, Wanted, split_statements
from agent_perf.sim.services.llm.prices import PRICES, Price, base_name

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SAFE_METHODS: Final = ("GET", "HEAD")
_STATEMENTS_BYTES_MAX: Final = 1 << 20
_NANO_PER_MILLION: Final = 1_000
"""A dollar for a million tokens is so many billionths of a dollar for one."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServiceOptions:
    """
    The options of the verb that concern services; URLs may hold passwords.
    """

    redis: str = ""
    database: str = ""
    statements: Path | None = None
    http: str = ""
    requests: tuple[str, ...] = ()
    model: str = ""
    model_name: str = ""
    model_tokens: int = 64
    model_price: str = ""
    model_key: str = "OPENAI_API_KEY"
    rate_hz: float = 5.0
    count: int = 200
    max_cost_usd: float = 0.05
    allow_hosts: tuple[str, ...] = ()
    dry_run: bool = False
    yes: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether any service is named."""
        return bool(self.redis or self.database or self.http or self.model)


def wanted_by(options: ServiceOptions, config: Config) -> Wanted:
    """
    Return what *options* want to be measured.

    Raises:
        UsageError: If one is not as it should be, or a variable is not set.
    """
    environ = os.environ
    http, requests = _asked_by_http(options, config, environ)
    return Wanted(
        redis=_filled(options.redis, "--redis", environ),
        database=_filled(options.database, "--database", environ),
        statements=_statements(options),
        http=http,
        requests=requests,
        model=_model(options, environ) if options.model else None,
        rate_hz=options.rate_hz,
        count=options.count,
        max_cost_usd=options.max_cost_usd,
    )


def _filled(url: str, option: str, environ: Mapping[str, str]) -> str:
    """Return *url* with its variables: on a command line a password would be seen by all."""

    def value_of(match: re.Match[str]) -> str:
        try:
            return environ[match[1]]
        except KeyError:
            raise UsageError(f"{option} names {match[0]}, which is not set; set it") from None

    return _VARIABLE.sub(value_of, url)


def _http(url: str) -> str:
    if url and urlsplit(url).scheme not in {"http", "https"}:
        raise UsageError("--http wants an address such as http://127.0.0.1:8000")
    return url


def _statements(options: ServiceOptions) -> tuple[str, ...]:
    path = options.statements
    if path is None:
        return ()
    data = codec.read_file(path)
    if len(data) > _STATEMENTS_BYTES_MAX:
        raise UsageError(f"{path} has {len(data):,} bytes; want SQL of a few statements")
    return split_statements(data.decode("utf-8", "replace"))


def _asked_by_http(
    options: ServiceOptions, config: Config, environ: Mapping[str, str]
) -> tuple[str, tuple[ReadyRequest, ...]]:
    """Return a service's address, and what it is asked: nothing, if it is not to be measured."""
    url = _http(_filled(options.http, "--http", environ))
    if not url:
        return "", ()
    parts = urlsplit(url)
    if options.requests:
        if parts.query:
            raise UsageError("--http with a query, and --request; leave out one of them")
        return url, _requests(options, config, environ)
    if parts.path.strip("/") or parts.query:
        base, name, request = request_of(url)
        return base, (ready(name, request, environ),)
    return url, _requests(options, config, environ)


def _requests(
    options: ServiceOptions, config: Config, environ: Mapping[str, str]
) -> tuple[ReadyRequest, ...]:
    """Return the requests that are named, or else all that only read."""
    configured = config.requests
    unknown = sorted(set(options.requests) - set(configured))
    if unknown:
        raise UsageError(
            f"no request {unknown[0]!r} in the configuration; there are {sorted(configured)}"
        )
    # One that is left out anyway needs no variable set: a chat's token, say.
    names = options.requests or tuple(name for name in configured if _only_reads(configured[name]))
    found = tuple(ready(name, configured[name], environ) for name in names)
    if options.requests:
        for one in found:
            if one.stream:
                raise UsageError(
                    f"request {one.name!r} is a stream, whose end says little; a model is "
                    "measured with --model"
                )
        return found
    if not found:
        raise UsageError(
            "no [requests.NAME] of the configuration is a GET; write one, [requests.health] with "
            'path = "/health", or name one of another method with --request'
        )
    return found


def _only_reads(request: NamedRequest) -> bool:
    has_body = request.json is not None or request.body is not None
    method = request.method or ("POST" if has_body else "GET")
    return method in _SAFE_METHODS and not request.stream


def _model(options: ServiceOptions, environ: Mapping[str, str]) -> ModelQuestion:
    if not options.model_name:
        raise UsageError("--model needs --model-name: which model, as gpt-4o-mini?")
    url = _http(_filled(options.model, "--model", environ))
    if options.model_price:
        price = _price(options.model_price)
    else:
        try:
            price = PRICES[base_name(options.model_name)]
        except KeyError:
            raise UsageError(
                f"what does a token of {options.model_name!r} cost? It is in no price table: give "
                "--model-price IN/OUT, dollars for a million tokens, 0/0 if it is free"
            ) from None
    return ModelQuestion(
        url=url,
        model=options.model_name,
        key=environ.get(options.model_key, ""),
        tokens_max=options.model_tokens,
        price=price,
    )


def _price(text: str) -> Price:
    try:
        prompt, answer = (float(part) * _NANO_PER_MILLION for part in text.split("/"))
    except ValueError:
        prompt = answer = math.nan
    if not 0 <= min(prompt, answer) <= max(prompt, answer) < math.inf:
        raise UsageError(f"--model-price {text!r}; want IN/OUT in dollars, as 0.15/0.60")
    # Rounded up: it is a limit that is held by it.
    return Price(token_in_nanousd=math.ceil(prompt), token_out_nanousd=math.ceil(answer))
