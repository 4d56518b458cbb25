"""OTLP over the process's one HTTP session.

The SDK's own exporters post by ``requests`` from threads of their own, and try again while whoever
wants to end waits for them.
"""

import asyncio
import gzip
from http import HTTPStatus
from typing import Final

import aiohttp
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from clientflow_core.providers.retry_after import read_retry_after_seconds
from clientflow_plugins.opentelemetry.errors import BadAnswer, map_error
from clientflow_plugins.opentelemetry.settings import OpenTelemetrySettings, read_pairs

_LONGEST_SECONDS: Final = 5.0
_TYPE: Final = "application/x-protobuf"


class OtlpExporter:
    """Posts requests of OTLP, save while the collector wants to hear nothing.

    Args:
        http: the shared session.
        settings: where the collector is.
    """

    def __init__(self, http: aiohttp.ClientSession, settings: OpenTelemetrySettings) -> None:
        self._http, self._base = http, settings.endpoint.rstrip("/")
        given = read_pairs(settings.headers.reveal()) if settings.headers else {}
        self._is_packed = settings.compression == "gzip"
        encoding = {"Content-Encoding": "gzip"} if self._is_packed else {}
        self._headers = {**given, "Content-Type": _TYPE, **encoding}
        seconds = min(settings.timeout_milliseconds / 1000, _LONGEST_SECONDS)
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._quiet_until = 0.0

    async def export(self, path: str, request: Message) -> None:
        """Post *request* to *path*, such as ``/v1/traces``.

        Raises:
            AuthFailed, RateLimited, ProviderUnavailable: it was not taken.
        """
        if asyncio.get_running_loop().time() >= self._quiet_until:
            await self._deliver(path, request)

    async def prove(self) -> None:
        """Post a request with nothing in it, which a collector has to take.

        Raises:
            AuthFailed, RateLimited, ProviderUnavailable: it was not taken.
        """
        answer = await self._deliver("/v1/traces", ExportTraceServiceRequest())
        try:
            ExportTraceServiceResponse.FromString(answer)
        except DecodeError as error:
            raise map_error(error) from error

    async def _deliver(self, path: str, request: Message) -> bytes:
        try:
            return await self._post(self._base + path, request.SerializeToString())
        except (aiohttp.ClientError, OSError, ValueError, BadAnswer) as error:
            raise map_error(error) from error

    async def _post(self, url: str, body: bytes) -> bytes:
        async with self._http.post(
            url,
            data=gzip.compress(body, 5) if self._is_packed else body,
            headers=self._headers,
            timeout=self._timeout,
            # Nobody else is to be sent the headers.
            allow_redirects=False,
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise self._bad_answer(answer)
            return await answer.read()

    def _bad_answer(self, answer: aiohttp.ClientResponse) -> BadAnswer:
        wait = read_retry_after_seconds(answer.headers.get("Retry-After"))
        if wait is not None:
            self._quiet_until = asyncio.get_running_loop().time() + wait
        return BadAnswer(answer.status, wait)
