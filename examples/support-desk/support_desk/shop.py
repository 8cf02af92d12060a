"""The shop's database: help pages, orders and what is in them."""

from datetime import date

from sqlalchemy import ForeignKey, Text, or_, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from support_desk.settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL, pool_size=10, max_overflow=10)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Article(Base):
    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)


class Product(Base):
    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class Order(Base):
    __tablename__ = "shop_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    placed_on: Mapped[date]
    status: Mapped[str] = mapped_column(Text, default="packed")
    lines: Mapped[list["Line"]] = relationship(order_by="Line.id")


class Line(Base):
    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()


async def create_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def find_articles(query: str, limit: int = 3) -> list[Article]:
    """Return the help pages that mention a word of *query*, shortest title first."""
    words = [word for word in query.lower().split() if len(word) > 3][:6]
    if not words:
        return []
    mentions = [column.ilike(f"%{w}%") for w in words for column in (Article.title, Article.body)]
    async with Session() as session:
        found = await session.scalars(
            select(Article).where(or_(*mentions)).order_by(Article.title, Article.id).limit(limit)
        )
        return list(found)


async def order_summary(order_id: int) -> str | None:
    """Return what is in an order and where it is, in words; None if there is no such order."""
    async with Session() as session:
        order = await session.scalar(
            select(Order)
            .where(Order.id == order_id)
            .options(selectinload(Order.lines).joinedload(Line.product))
        )
        if order is None:
            return None
        items = [f"{line.quantity} × {line.product.name}" for line in order.lines]
        return f"Order {order.id} of {order.placed_on}: {order.status}. {', '.join(items)}."
