"""An HTTP server in front of the stand-ins, which fails in five ways as providers do."""

import asyncio
import contextlib
import enum
import random
import re
from collections import Counter
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web

from clientflow_core.ports import free_port

# Longer than any of our plugins waits for an answer.
_SILENCE_SECONDS: Final = 25.0
# From then on a message's calls go right: each further failure would put it off for longer.
_LAST_BAD_TRY: Final = 3
_NAME: Final = re.compile(rb"(?:text|mail)-[0-9]+")
_KEPT_HEADERS: Final = ("Authorization", "Content-Type", "Idempotency-Key")


class Way(enum.StrEnum):
    """How a call goes wrong. What is silent or garbled was done; what is not, was not."""

    SILENT = "calls done and never answered"
    RESET = "calls reset before they were done"
    ERROR = "calls answered 500"
    BUSY = "calls answered 429"
    GARBLED = "calls done and answered with bad JSON"


_DONE: Final = (Way.SILENT, Way.GARBLED)


class FlakyFront:
    """Passes on to the stand-ins, and lets calls that send a message go wrong.

    What befalls a call is a matter of the seed, of the message and of how often it was tried, not
    of the order in which calls come: so the same seed gives the same again.

    Args:
        seed: of the dice.
        share: of the calls that go wrong in each of the ways.

    Attributes:
        upstream: where the stand-ins are, once that is known.
        befallen: how often each way came up.
    """

    def __init__(self, seed: int, *, share: float = 0.1) -> None:
        self.port = free_port()
        self.upstream = ""
        self.befallen: Counter[Way] = Counter()
        self._seed, self._share = seed, share
        self._tries: Counter[bytes] = Counter()
        self._is_over = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_SILENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        self._http = aiohttp.ClientSession(timeout=timeout, connector=connector)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        await self._runner.cleanup()
        await self._http.close()

    def _choose(self, body: bytes) -> Way | None:
        named = _NAME.search(body)
        if named is None:
            return None
        self._tries[named[0]] += 1
        tries = self._tries[named[0]]
        if tries > _LAST_BAD_TRY:
            return None
        dice = random.Random(f"{self._seed}:{named[0]!r}:{tries}")
        place = int(dice.random() / self._share)
        return list(Way)[place] if place < len(Way) else None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        way = self._choose(body) if request.method == "POST" else None
        if way is None:
            return await self._pass_on(request, body)
        self.befallen[way] += 1
        if way in _DONE:
            await self._pass_on(request, body)
        return await self._go_wrong(request, way)

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
        url = f"{self.upstream}{request.raw_path}"
        async with self._http.request(
            request.method, url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            given = {"X-Message-Id": answer.headers.get("X-Message-Id", "")}
            return web.Response(
                body=await answer.read(),
                status=answer.status,
                headers={"Content-Type": answer.headers.get("Content-Type", "text/plain"), **given},
            )

    async def _go_wrong(self, request: web.Request, way: Way) -> web.Response:
        match way:
            case Way.ERROR:
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="a mistake")
            case Way.BUSY:
                return web.json_response(
                    {"code": 20429, "message": "Too many requests"},
                    status=HTTPStatus.TOO_MANY_REQUESTS,
                    headers={"Retry-After": "1"},
                )
            case Way.GARBLED:
                return web.Response(text='{"sid": "', content_type="application/json")
            case Way.SILENT:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_over.wait(), _SILENCE_SECONDS)
            case Way.RESET:
                pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
