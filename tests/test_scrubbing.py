"""What is taken out of command lines that are kept."""

import pytest

from agent_perf.scrubbing import without_url_secrets


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("http://me:secret@host:80/a", "http://[redacted]@host:80/a"),
        ("--url=https://:p%40ss@host", "--url=https://[redacted]@host"),
        ("http://host/a?q=1&api_key=abc&b=2", "http://host/a?q=1&api_key=[redacted]&b=2"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("user_profile.load=3", "user_profile.load=3"),
        ("p95<2s", "p95<2s"),
    ],
)
def test_secrets_of_urls_are_not_kept(word: str, kept: str) -> None:
    """
    Passwords and keys go; what merely looks like a secret elsewhere stays.
    """
    assert kept == without_url_secrets(word)
