"""The endpoint that one would write first: FastAPI, a pydantic body, one `send` of aiokafka for each event.

`python -m benchmarks.ingest_floor BOOTSTRAP_SERVERS TOPIC PORT`. It answers when the brokers have the events and is as durable as
ours; it knows no keys and no limits, and one bad event sinks its batch.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, Field


class Event(BaseModel):
    """What is posted."""

    id: str
    name: str = Field(min_length=1, max_length=200)
    account_id: str
    user_id: str | None = None
    occurred_at: datetime | None = None
    properties: dict[str, Any] = {}


def create_app(bootstrap_servers: str, topic: str) -> FastAPI:
    """The app; its producer lives as long as it does."""
    producers: list[AIOKafkaProducer] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, acks="all") as producer:
            producers.append(producer)
            yield

    app = FastAPI(lifespan=lifespan)

    async def send(event: Event) -> "asyncio.Future[Any]":
        sent: asyncio.Future[Any] = await producers[0].send(topic, event.model_dump_json().encode(), event.account_id.encode())
        return sent

    @app.post("/v1/events", status_code=202)
    async def post_event(event: Event) -> dict[str, int]:
        await (await send(event))
        return {"accepted": 1}

    @app.post("/v1/batch", status_code=202)
    async def post_batch(events: list[Event]) -> dict[str, int]:
        await asyncio.gather(*[await send(event) for event in events])
        return {"accepted": len(events)}

    return app


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap_servers")
    parser.add_argument("topic")
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    app = create_app(given.bootstrap_servers, given.topic)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
