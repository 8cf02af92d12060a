"""Calibrating services."""
