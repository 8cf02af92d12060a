"""Writes short reports from what a library's search finds."""
