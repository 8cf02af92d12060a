"""Answers customers of a shop, from its help pages and their orders."""
