"""Answers customers' questions, from a cache or with a model that can look up their orders."""
