"""
Which service is where, as somebody says or as we find out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote, urlsplit

from agent_perf.errors import ConfigError

EMBEDDED: Final = "embedded"
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Service(Enum):
    """A service that can be found, or started for a run: its key in the configuration."""

    REDIS = "redis"
    DATABASE = "database"


_SCHEMES: Final[Mapping[Service, tuple[str, ...]]] = {
    Service.REDIS: ("redis", "rediss", "unix"),
    Service.DATABASE: ("postgresql", "postgres"),
}
_EXAMPLES: Final[Mapping[Service, str]] = {
    Service.REDIS: "redis://127.0.0.1:6379/0",
    Service.DATABASE: "postgresql://postgres@127.0.0.1:5432/postgres",
}
OPTIONS: Final[Mapping[Service, str]] = {
    Service.REDIS: "--redis-url",
    Service.DATABASE: "--database-url",
}
VARIABLES: Final[Mapping[Service, str]] = {
    Service.REDIS: "AGENT_PERF_REDIS_URL",
    Service.DATABASE: "AGENT_PERF_DATABASE_URL",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServiceAddress:
    """
    Where a service is. Its URL may hold a password: do not store, show or log it.

    Attributes:
        service: Which.
        url: ``redis://...`` or ``postgresql://...``, with all it takes to connect.
        about: Its name and version, as ``PostgreSQL 15.6``.
        is_embedded: Whether it was started for this run.
    """

    service: Service
    url: str
    about: str
    is_embedded: bool

    def __repr__(self) -> str:
        return f"ServiceAddress({self.shown}: {self.about})"

    @property
    def shown(self) -> str:
        """The URL without user, password and options."""
        return shown_url(self.url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be told: the password as the URL spells it, and as services hear it."""
        password = urlsplit(self.url).password
        return tuple(dict.fromkeys((password, unquote(password)))) if password else ()


def chosen_services(
    options: Mapping[Service, str | None],
    configured: Mapping[str, str],
    environ: Mapping[str, str],
) -> dict[Service, str]:
    """
    Return what somebody says of each service: a URL, or ``embedded``. Of others nobody does.

    Args:
        options: Of the command line; they come first, then the environment's variables.
        configured: ``[services]`` of the configuration, with ``${NAME}`` for a variable.
        environ: The environment.

    Raises:
        ConfigError: If one is neither, or a variable is not set.
    """
    chosen = {}
    for service in Service:
        sources = (
            (OPTIONS[service], options.get(service)),
            (VARIABLES[service], environ.get(VARIABLES[service])),
            (f"services.{service.value}", configured.get(service.value)),
        )
        for whose, text in sources:
            if text:
                chosen[service] = _checked(service, _filled(text, environ, whose), whose)
                break
    return chosen


def shown_url(url: str) -> str:
    """Return *url* without user, password and options."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"


def _checked(service: Service, text: str, whose: str) -> str:
    if text == EMBEDDED:
        return text
    want = f"want {_EXAMPLES[service]}, or {EMBEDDED}"
    # What SQLAlchemy calls a driver is its own matter.
    scheme, separator, rest = text.partition("://")
    scheme = scheme.partition("+")[0].lower()
    if not separator or scheme not in _SCHEMES[service]:
        raise ConfigError(f"{whose}: no address of a {service.value} service; {want}")
    url = f"{'postgresql' if scheme == 'postgres' else scheme}://{rest}"
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0 and bool(parts.hostname or parts.path or parts.query)
    except ValueError:
        is_usable = False
    if not is_usable:
        # The text is not told: it may hold a password.
        raise ConfigError(f"{whose}: no host and port in the {scheme} address; {want}")
    return url


def _filled(text: str, environ: Mapping[str, str], whose: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        try:
            return environ[match[1]]
        except KeyError:
            raise ConfigError(
                f"{whose}: {match[0]} stands for an environment variable that is not set; "
                f"set {match[1]}"
            ) from None

    return _VARIABLE.sub(value_of, text)
