"""
Which day it is, and what time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime


def utc_today() -> date:
    """Return today's date in UTC: the same for a developer and for a CI, wherever they are."""
    return datetime.now(UTC).date()


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
