"""The agent: instructions, and the tools that it may call."""

from dataclasses import dataclass, field
from functools import cache

from pydantic_ai import Agent, RunContext
from pydantic_ai.models.openai import OpenAIChatModel

from support_desk import shop
from support_desk.settings import MODEL


@dataclass
class Desk:
    """What one answer was made of."""

    sources: list[str] = field(default_factory=list)
    is_personal: bool = False


@cache
def model() -> OpenAIChatModel:
    """Return the model: one for all, for each has a client whose TLS takes 40 ms to set up."""
    return OpenAIChatModel(MODEL)


agent = Agent(
    deps_type=Desk,
    instructions=(
        "You answer customers of a garden shop. Look help pages up before you explain anything, "
        "and look an order up when its number is named. Answer in three sentences at most."
    ),
)


@agent.tool
async def search_articles(context: RunContext[Desk], query: str) -> str:
    """Search the shop's help pages."""
    articles = await shop.find_articles(query)
    context.deps.sources += [article.title for article in articles]
    return "\n\n".join(f"# {one.title}\n{one.body}" for one in articles) or "Nothing was found."


@agent.tool
async def order_status(context: RunContext[Desk], order_id: int) -> str:
    """Tell what is in an order, and where it is."""
    context.deps.is_personal = True
    return await shop.order_summary(order_id) or f"There is no order {order_id}."
