"""
Real services for one run: those that somebody names, or ones that are started for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services.address import (
    EMBEDDED,
    OPTIONS,
    VARIABLES,
    Service,
    ServiceAddress,
    shown_url,
)
from agent_perf.live.services.postgres_greeting import Greeting, greeting_of
from agent_perf.live.services.programs import Program, postgres_program, redis_program
from agent_perf.live.services.scratch import sweep
from agent_perf.scrubbing import scrubbed

_ANSWER_S: Final = 5.0
_POSTGRES_PORT: Final = 5432
_PROGRAMS: Final = {
    Service.REDIS: "redis-server (package redis-server or redis)",
    Service.DATABASE: "postgres and initdb (package postgresql)",
}


@contextmanager
def live_services(
    chosen: Mapping[Service, str], need: Iterable[Service]
) -> Iterator[Mapping[Service, ServiceAddress]]:
    """
    Give the addresses of the services in *need*, which answer; what was started ends with it.

    Args:
        chosen: URL or ``embedded`` of a service, as `chosen_services` gives them. One that is
            missing is started if this machine has its program.
        need: Which are wanted.

    Raises:
        UsageError: If nobody says where one is, and it cannot be started here.
        BrokenError: If one does not answer, or does not start.
    """
    wanted = sorted(set(need), key=lambda service: service.value)
    sweep()
    started = {
        service: _embedded(service, _program(service, is_asked=service in chosen))
        for service in wanted
        if chosen.get(service, EMBEDDED) == EMBEDDED
    }
    with ExitStack() as stack:
        found = {one: _found(one, chosen[one]) for one in wanted if one not in started}
        begun: dict[Service, Future[ServiceAddress]] = {}
        try:
            # Each is mostly waiting: together they take as long as the slowest.
            with ThreadPoolExecutor(max(len(started), 1)) as threads:
                for one, up in started.items():
                    begun[one] = threads.submit(up.__enter__)
        finally:
            # One that is up is stopped, whatever became of the others, or of us.
            for one, future in begun.items():
                if future.exception() is None:
                    stack.push(started[one])
        found |= {one: future.result() for one, future in begun.items()}
        yield found


def embeddable(service: Service) -> Program | None:
    """Return the program with which *service* can be started on this machine, or None."""
    return redis_program() if service is Service.REDIS else postgres_program()


def _program(service: Service, *, is_asked: bool) -> Program:
    program = embeddable(service)
    if program is None:
        where = f"{OPTIONS[service]} URL, {VARIABLES[service]}, or [services] {service.value}"
        ask = "an embedded" if is_asked else "a"
        raise UsageError(
            f"{ask} {service.value} service is needed, and this machine has no "
            f"{_PROGRAMS[service]}; install it, or say where one is: {where}"
        )
    return program


def _embedded(service: Service, program: Program) -> AbstractContextManager[ServiceAddress]:
    if service is Service.REDIS:
        from agent_perf.live.services.embedded_redis import embedded_redis

        return embedded_redis(program)
    from agent_perf.live.services.embedded_postgres import embedded_postgres

    return embedded_postgres(program)


def _found(service: Service, url: str) -> ServiceAddress:
    about = _redis_at(url) if service is Service.REDIS else _postgres_at(url)
    return ServiceAddress(service=service, url=url, about=about, is_embedded=False)


def _redis_at(url: str) -> str:
    """Return what answers at *url*."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            decode_responses=True,
            # By default it asks for seconds on end, also with a wrong password.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise UsageError(f"redis service at {shown_url(url)}: {scrubbed(str(error))}") from None
    try:
        facts = client.info("server")
        return f"Redis {facts.get('redis_version', '?')}"
    except TypeError as error:
        # An option that it does not know is told no sooner than by the first connection.
        raise UsageError(f"redis service at {shown_url(url)}: {scrubbed(str(error))}") from None
    except redis.RedisError as error:
        password = urlsplit(url).password
        secrets = (password, unquote(password)) if password else ()
        raise _unreachable(Service.REDIS, url, scrubbed(str(error), secrets)) from None
    finally:
        client.close()


def _postgres_at(url: str) -> str:
    """Return what answers at *url*."""
    parts = urlsplit(url)
    host = unquote(parts.hostname or parse_qs(parts.query).get("host", ["127.0.0.1"])[0])
    port = parts.port or _POSTGRES_PORT
    greeting = greeting_of(host, port, unquote(parts.username or "postgres"), timeout_s=_ANSWER_S)
    if greeting is Greeting.READY:
        return "PostgreSQL"
    why = {
        Greeting.STARTING: "it is starting up, or shutting down",
        Greeting.NONE: "nobody answers",
        Greeting.FOREIGN: "what answers is no PostgreSQL",
    }
    raise _unreachable(Service.DATABASE, url, why[greeting])


def _unreachable(service: Service, url: str, why: str) -> BrokenError:
    return BrokenError(
        f"{service.value} service at {shown_url(url)}: {why}; start it, give another address "
        f"with {OPTIONS[service]}, or let one be started: {OPTIONS[service]} {EMBEDDED}"
    )
