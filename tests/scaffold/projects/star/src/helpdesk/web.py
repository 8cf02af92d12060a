from anthropic import AsyncAnthropic
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

model = AsyncAnthropic()
redis = Redis(host="cache.internal")


async def ask(request):
    body = await request.json()
    key = f"asked:{body['question']}"
    await redis.incr(key)
    answer = await model.messages.create(
        model="claude-haiku-4-5",
        max_tokens=200,
        messages=[{"role": "user", "content": body["question"]}],
    )
    return JSONResponse({"answer": answer.content[0].text})


async def health(request):
    return JSONResponse({})


application = Starlette(
    routes=[Route("/health", health), Mount("/api", routes=[Route("/ask", ask, methods=["POST"])])]
)
