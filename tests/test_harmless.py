"""What programs say, without their secrets and with their code."""

from __future__ import annotations

import pytest

from agent_perf.scrubbing import environment_secrets, harmless

ENVIRON = {
    "SHOP_SECRET_TOKEN": "hunter2hunter2",
    "SHOP_DATABASE_URL": "postgresql://shop:p4ss-of-db@db/shop",
    "OPENAI_API_KEY": "simulated",
    "GOOGLE_APPLICATION_CREDENTIALS": "/etc/google.json",
    "SHORT_TOKEN": "abc",
    "HOME": "/home/somebody",
    "MONKEY": "monkeybusiness",
    "PWD": "/home/somebody/shop",
}


def test_secrets_of_an_environment() -> None:
    """
    By the names of variables, and of URLs the password; not what is short, a path or simulated.
    """
    assert {"hunter2hunter2", "p4ss-of-db"} == set(environment_secrets(ENVIRON))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no login with hunter2hunter2!", "no login with [redacted]!"),
        ("at postgresql://shop:p4ss-of-db@db/shop", "at postgresql://[redacted]@db/shop"),
        ("at redis://:0therpass@redis/0", "at redis://[redacted]@redis/0"),
        ("GET /v1?api_key=abcdef", "GET /v1?api_key=[redacted]"),
        (
            "Incorrect API key provided: sk-proj-a1b2c3d4e5",
            "Incorrect API key provided: [redacted]",
        ),
        ("authorization: Bearer abc123def456", "authorization: [redacted]"),
        ('{"password": "letmein99"}', '{"password": "[redacted]"}'),
        ("ghp_0123456789abcdefghij0123", "[redacted]"),
    ],
)
def test_secrets_are_not_told(said: str, told: str) -> None:
    """
    Whichever way they come into a message.
    """
    assert told == harmless(said, ENVIRON)


@pytest.mark.parametrize(
    "said",
    [
        'File "/app/user_settings.py", line 3, in key_function',
        "basic authentication is off; bearer authentication is on",
        "org_repository and project-settings and user-service-main",
        "KeyError: 'session_identifier'",
        "http://127.0.0.1:8000/chat?page=2",
    ],
)
def test_code_is_told(said: str) -> None:
    """
    A traceback stays readable: names that begin like keys are none.
    """
    assert said == harmless(said, ENVIRON)


def test_what_is_kept_fits_a_file() -> None:
    """
    Half a surrogate, which no file can hold, is written out; all else stays.
    """
    kept = harmless("lone \ud800 half, é ✓ 🙂", {})

    assert "lone \\ud800 half, é ✓ 🙂" == kept
