"""The bare intake that ours is compared with: the same check, one autocommitted INSERT each.

``python -m benchmarks.bare psycopg|asyncpg PORT``; DATABASE_URL says where to. It is what one
would write by hand for this one webhook: no job, no limits, no request id, no metrics.
"""

import asyncio
import datetime as dt
import importlib
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from psycopg_pool import AsyncConnectionPool
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from benchmarks.texts import PATH, PUBLIC_URL, TOKEN
from clientflow_core.ids import new_id
from clientflow_plugins.twilio.webhooks import INBOUND

_POOL: Final = 20
_INSERT: Final = (
    "INSERT INTO bare_events"
    " (id, provider, webhook, account, external_id, method, url, headers, body, received_at)"
    " VALUES ({}) ON CONFLICT DO NOTHING"
)
_COLUMNS: Final = 10

Insert = Callable[..., Awaitable[None]]


def build(insert: Insert) -> web.Application:
    """Give the application that keeps each well signed webhook by *insert*."""
    validator = RequestValidator(TOKEN)
    kept = sorted(INBOUND.keep_headers)

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        url = PUBLIC_URL + request.raw_path
        if not validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")):
            return web.Response(status=403)
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        await insert(
            new_id(), "twilio", "twilio", form["AccountSid"], form["MessageSid"], request.method,
            url, json.dumps(headers), body, dt.datetime.now(dt.UTC),
        )  # fmt: skip
        return web.Response(text=INBOUND.reply_body, content_type=INBOUND.reply_type)

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post(PATH, receive)
    app.router.add_get("/ready", ready)
    return app


async def with_psycopg(url: str) -> Insert:
    """Insert through a pool of psycopg's connections."""
    pool = AsyncConnectionPool(
        url, min_size=_POOL, max_size=_POOL, open=False, kwargs={"autocommit": True}
    )
    await pool.open(wait=True)
    statement = _INSERT.format(", ".join(["%s"] * _COLUMNS)).encode()

    async def insert(*values: Any) -> None:
        async with pool.connection() as connection:
            await connection.execute(statement, values)

    return insert


async def with_asyncpg(url: str) -> Insert:
    """Insert through a pool of asyncpg's connections."""
    asyncpg = importlib.import_module("asyncpg")
    pool = await asyncpg.create_pool(url, min_size=_POOL, max_size=_POOL)
    statement = _INSERT.format(", ".join(f"${number + 1}" for number in range(_COLUMNS)))

    async def insert(*values: uuid.UUID | str | bytes | dt.datetime) -> None:
        await pool.execute(statement, *values)

    return insert


async def main() -> None:
    """Serve until killed."""
    driver, port = sys.argv[1:]
    open_pool = {"psycopg": with_psycopg, "asyncpg": with_asyncpg}[driver]
    insert = await open_pool(os.environ["DATABASE_URL"])
    runner = web.AppRunner(build(insert), access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
