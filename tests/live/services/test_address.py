"""Which service is where, as somebody says."""

import pytest

from agent_perf.errors import ConfigError
from agent_perf.live.services import Service, ServiceAddress, chosen_services, shown_url

_REDIS = Service.REDIS
_DATABASE = Service.DATABASE


def test_the_option_comes_first_then_the_variable_then_the_file() -> None:
    """What is said closer to the command holds."""
    environ = {"AGENT_PERF_REDIS_URL": "redis://variable", "AGENT_PERF_DATABASE_URL": ""}
    configured = {"redis": "redis://file", "database": "postgresql://file"}

    assert {
        _REDIS: "redis://variable",
        _DATABASE: "postgresql://file",
    } == chosen_services({}, configured, environ)
    assert {_REDIS: "redis://option"} == chosen_services({_REDIS: "redis://option"}, {}, environ)
    assert {} == chosen_services({_REDIS: None}, {}, {})


def test_variables_are_filled_in() -> None:
    """A password stands in the environment, and not in the file."""
    configured = {"database": "postgres://me:${PW}@db.example:5433/shop"}

    assert {_DATABASE: "postgresql://me:s3cret@db.example:5433/shop"} == chosen_services(
        {}, configured, {"PW": "s3cret"}
    )
    with pytest.raises(ConfigError, match=r"services.database: \$\{PW\} .* set PW"):
        chosen_services({}, configured, {})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("embedded", "embedded"),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql://u@h/d?ssl=require"),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
    ],
)
def test_a_driver_is_left_out(text: str, kept: str) -> None:
    """What SQLAlchemy calls a driver is its own matter."""
    assert {_DATABASE: kept} == chosen_services({_DATABASE: text}, {}, {})


@pytest.mark.parametrize(
    "text", ["mysql://u:hunter2@h/d", "hunter2", "redis://u:hunter2@h:port/0", "redis://"]
)
def test_what_is_no_address_is_not_repeated(text: str) -> None:
    """A wrong address is told with the way out, and without what it says: it may be a password."""
    with pytest.raises(ConfigError, match="--redis-url.*want redis://127") as caught:
        chosen_services({_REDIS: text}, {}, {})

    assert "hunter2" not in str(caught.value)


def test_an_address_shows_no_password() -> None:
    """What is printed of an address, also by accident, has neither user nor password."""
    address = ServiceAddress(
        service=_REDIS, url="redis://u:pw@h:1/0?x=y", about="Redis 7", is_embedded=False
    )

    assert "redis://h:1/0" == address.shown
    assert "ServiceAddress(redis://h:1/0: Redis 7)" == repr(address)
    assert ("pw",) == address.secrets
    assert "postgresql:///d" == shown_url("postgresql:///d?password=pw")


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://h:1/0", ()),
        ("redis://:geheim@h:1/0", ("geheim",)),
        ("redis://:ge%40heim@h:1/0", ("ge%40heim", "ge@heim")),
    ],
)
def test_a_password_is_a_secret_in_either_spelling(url: str, secrets: tuple[str, ...]) -> None:
    """A service that repeats it does so without the escapes of its URL."""
    address = ServiceAddress(service=_REDIS, url=url, about="Redis", is_embedded=False)

    assert secrets == address.secrets
