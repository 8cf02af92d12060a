"""
What the processes of Locust run, and the words that we exchange with them.

This door is empty on purpose: a worker imports as little of us as it needs.
"""
