"""What the database knows. The tables are in schema.sql."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CUSTOMER_NAME = text("SELECT name FROM customers WHERE id = :customer_id")
ARTICLES = text("SELECT body FROM articles WHERE topic = :topic ORDER BY id LIMIT 3")
ORDERS = text(
    "SELECT id, status, placed_on, total_cents FROM orders"
    " WHERE customer_id = :customer_id ORDER BY id DESC LIMIT :newest"
)
SAVE_MESSAGE = text(
    "INSERT INTO messages (customer_id, role, body) VALUES (:customer_id, :role, :body)"
)


@dataclass(frozen=True, kw_only=True)
class Order:
    number: int
    status: str
    placed_on: str
    total: str


async def find_customer_name(connection: AsyncConnection, customer_id: int) -> str | None:
    return await connection.scalar(CUSTOMER_NAME, {"customer_id": customer_id})


async def find_articles(connection: AsyncConnection, topic: str) -> list[str]:
    return list(await connection.scalars(ARTICLES, {"topic": topic}))


async def find_orders(connection: AsyncConnection, customer_id: int, newest: int) -> list[Order]:
    """Return up to *newest* orders of the customer, the newest first."""
    rows = await connection.execute(ORDERS, {"customer_id": customer_id, "newest": newest})
    return [
        Order(
            number=row.id,
            status=row.status,
            placed_on=str(row.placed_on),
            total=f"{row.total_cents / 100:.2f}",
        )
        for row in rows
    ]


async def save_exchange(
    connection: AsyncConnection, customer_id: int, question: str, answer: str
) -> None:
    """Keep a question and its answer for the colleagues who read along."""
    await connection.execute(
        SAVE_MESSAGE,
        [
            {"customer_id": customer_id, "role": "customer", "body": question},
            {"customer_id": customer_id, "role": "agent", "body": answer},
        ],
    )
