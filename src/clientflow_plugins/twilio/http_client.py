"""Twilio's SDK on the process's one HTTP session.

The SDK's own asynchronous client cannot take a session, ignores its timeout, posts a text again on
503 when retries are on, and warns under aiohttp 3.14 (measured with twilio 9.13.0).
"""

import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.providers.retry_after import read_retry_after_seconds
from clientflow_plugins.twilio.errors import read_error_answer

CONNECT_SECONDS: Final = 4.0
TOTAL_SECONDS: Final = 10.0
_log = logging.getLogger("clientflow.twilio")


class SharedSessionClient(AsyncHttpClient):  # type: ignore[misc]
    """Send the SDK's requests through a session that somebody else owns, and never close it.

    No redirect is followed and nothing is retried: the core does that. Nothing is logged, since
    the SDK's log lines hold telephone numbers.

    Args:
        session: the shared session.
        clock: to read a Retry-After that is a date.
        base_url: replaces ``https://api.twilio.com`` and its siblings; None for the real ones.
        total_seconds: the deadline of a whole call; connecting, which includes the wait for a free
            connection, has a shorter one, so that a call that was never sent is known as such.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        base_url: str | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        super().__init__(_log, is_async=True, timeout=total_seconds)
        self._session = session
        self._clock = clock
        self._base_url = base_url.rstrip("/") if base_url else None
        self._timeout = aiohttp.ClientTimeout(
            total=total_seconds, connect=min(CONNECT_SECONDS, total_seconds / 2)
        )

    @override
    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request and give its answer.

        Raises:
            ErrorAnswer: the answer is not 2xx.
            aiohttp.ClientError, TimeoutError: there was none.
        """
        all_headers = dict(headers or {})
        if auth:
            all_headers["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with self._session.request(
            method,
            self._place(uri),
            params=params,
            data=urlencode(data, doseq=True) if data else None,
            headers=all_headers,
            timeout=self._timeout,
            allow_redirects=False,
        ) as answer:
            text = (await answer.read()).decode("utf-8", "replace")
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            wait = read_retry_after_seconds(
                answer.headers.get("Retry-After"), now=self._clock.now()
            )
            raise read_error_answer(answer.status, text, wait)
        return Response(answer.status, text, answer.headers)

    def _place(self, url: str) -> str:
        if self._base_url is None:
            return url
        parts = urlsplit(url)
        return f"{self._base_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
