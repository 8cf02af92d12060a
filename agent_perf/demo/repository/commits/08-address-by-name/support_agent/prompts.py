"""What the model is told."""

from typing import Any

SYSTEM = (
    "You answer questions of customers of a shop for garden tools. Greet {name}, "
    "and be brief and friendly. Use the tool when a question is about the customer's own orders. "
    "If you do not know, say so, and offer to pass the question on to a colleague."
)
TOPICS = ("delivery", "return", "payment", "warranty", "account")


def opening(question: str, name: str) -> list[dict[str, Any]]:
    """Return the messages that begin the conversation: the answer depends on them alone."""
    return [
        {"role": "system", "content": SYSTEM.format(name=name)},
        {"role": "user", "content": question},
    ]


def reference(articles: list[str]) -> dict[str, Any]:
    """Return the message that holds what our handbook says about the matter."""
    return {"role": "system", "content": "From the handbook:\n" + "\n".join(articles)}


def topic_of(question: str) -> str:
    """Return the handbook's topic for *question*."""
    words = question.lower()
    return next((topic for topic in TOPICS if topic in words), "general")
