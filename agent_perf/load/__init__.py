"""Who asks, when, and for what."""

from agent_perf.load.driver import Ask, Desk, Ledger, Request, drive_closed, error_category

__all__ = ["Ask", "Desk", "Ledger", "Request", "drive_closed", "error_category"]
