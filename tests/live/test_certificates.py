"""Whose certificates are trusted."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from agent_perf.errors import UsageError
from agent_perf.live import Asker
from agent_perf.live.certificates import trusted, with_advice

END = "-----END CERTIFICATE-----\n"


def test_the_file_of_the_environment_replaces_the_public_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With a file of one certificate, that one is trusted and no other; what is no such file is a
    usage error.
    """
    own = tmp_path / "own.pem"
    own.write_text(Path(certifi.where()).read_text().partition(END)[0] + END)
    (tmp_path / "empty.pem").write_text("")

    assert 1 == len(trusted({"SSL_CERT_FILE": str(own)}).get_ca_certs())
    assert 50 < len(trusted({}).get_ca_certs())
    for name in ("empty.pem", "missing.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(UsageError, match=rf"SSL_CERT_FILE=.*{name}.*want a file"):
            Asker("https://shop")


def test_a_certificate_that_is_not_trusted_comes_with_the_way_out() -> None:
    """
    Other failures are told as they are.
    """
    assert "SSL_CERT_FILE" in with_advice("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
    assert "refused" == with_advice("refused")
