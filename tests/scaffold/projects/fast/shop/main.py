from fastapi import FastAPI

from shop.api import router


def create_app() -> FastAPI:
    app = FastAPI()
    app.include_router(router, prefix="/api")

    @app.get("/health")
    async def health():
        return {}

    return app


app = create_app()
