"""Writes down what it is told, and hands it over in batches."""

import asyncio
import contextlib
import json
import time
import traceback
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from typing_extensions import override

from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.providers.observer import Fields, ObserverProvider
from clientflow_core.providers.spec import ProviderContext
from tests.core.testing.logbook.spec import LogbookSettings

TIMEOUTS = {"GET": aiohttp.ClientTimeout(total=3), "POST": aiohttp.ClientTimeout(total=30)}
FLUSH_SECONDS = 4
MOST_HELD = 500
BATCH = 100


class Logbook(ObserverProvider):
    def __init__(self, context: ProviderContext, settings: LogbookSettings) -> None:
        self._http, self._settings = context.http, settings
        self._held: deque[dict[str, Any]] = deque(maxlen=MOST_HELD)
        self._wake, self._lock = asyncio.Event(), asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.flush()
        finally:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    @override
    async def verify(self) -> str:
        status, body = await self._call("GET", "/account")
        if status == HTTPStatus.UNAUTHORIZED:
            raise AuthFailed("the key is not known")
        if status != HTTPStatus.OK:
            raise ProviderUnavailable(f"the backend answers {status}")
        try:
            return str(body["name"])
        except (KeyError, TypeError) as error:
            raise ProviderUnavailable("the backend answers nothing that can be read") from error

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        self._hold({"error": describe(error), "fields": dict(fields)})

    @override
    @contextlib.contextmanager
    def span(self, name: str, *, fields: Fields) -> Iterator[None]:
        began = time.perf_counter()
        failure: str | None = None
        try:
            yield
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            seconds = time.perf_counter() - began
            self._hold(
                {"span": name, "fields": dict(fields), "seconds": seconds, "failure": failure}
            )

    @override
    async def flush(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._hand_over()

    def _hold(self, record: dict[str, Any]) -> None:
        self._held.append(record)
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._hand_over()

    async def _hand_over(self) -> None:
        async with self._lock:
            while self._held:
                batch = [self._held.popleft() for _ in range(min(BATCH, len(self._held)))]
                with contextlib.suppress(ProviderUnavailable):
                    await self._call("POST", "/records", records=batch)

    async def _call(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._settings.key.reveal()}"}
        url = self._settings.url + path
        try:
            async with self._http.request(
                method, url, json=body, headers=headers, timeout=TIMEOUTS[method]
            ) as response:
                return response.status, json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderUnavailable("the backend does not answer") from error


def describe(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "class": type(error).__name__,
        "where": [f"{frame.name}:{frame.lineno}" for frame in frames],
        "cause": describe(error.__cause__) if error.__cause__ else None,
    }
