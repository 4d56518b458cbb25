"""SendGrid's Web API v3 on the process's one HTTP session.

The SDK's own transport is urllib: it blocks, has no deadline, and makes a connection for each call
(measured with sendgrid 6.12.5). So the SDK only builds what is sent.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs

from clientflow_core.clock import Clock
from clientflow_core.providers.retry_after import LONGEST_WAIT_SECONDS, read_retry_after_seconds
from clientflow_plugins.sendgrid.errors import read_error_answer
from clientflow_plugins.sendgrid.settings import SendgridSettings

CONNECT_SECONDS: Final = 4.0
TOTAL_SECONDS: Final = 15.0


@attrs.frozen(kw_only=True)
class Answer:
    """An answer of 2xx, read to its end.

    Attributes:
        headers: by their names, in any case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)


class SendgridApi:
    """Calls with one key; no redirect is followed, and nothing is retried: the core does that.

    Args:
        session: the shared session, which somebody else closes.
        clock: to read a time to wait for.
        settings: the key, and where the API is.
        total_seconds: the deadline of a whole call; connecting, which includes the wait for a free
            connection, has a shorter one, so that a call that was never sent is known as such.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        settings: SendgridSettings,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._session = session
        self._clock = clock
        self._url = settings.api_url
        self._key = settings.api_key
        self._timeout = aiohttp.ClientTimeout(
            total=total_seconds, connect=min(CONNECT_SECONDS, total_seconds / 2)
        )

    async def get(self, path: str, **params: str) -> Any:
        """Read *path* and decode what it says.

        Raises:
            ErrorAnswer: the answer is not 2xx.
            aiohttp.ClientError, TimeoutError, ValueError: there was none, or it is not JSON.
        """
        return (await self._call("GET", path, params=params)).json()

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Post *body* to *path*.

        Raises:
            ErrorAnswer: the answer is not 2xx.
            aiohttp.ClientError, TimeoutError: there was none.
        """
        return await self._call("POST", path, json=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Change what is at *path* into *body*.

        Raises:
            ErrorAnswer: the answer is not 2xx.
            aiohttp.ClientError, TimeoutError: there was none.
        """
        return await self._call("PATCH", path, json=body)

    async def _call(self, method: str, path: str, **request: Any) -> Answer:
        async with self._session.request(
            method,
            self._url + path,
            headers={"Authorization": f"Bearer {self._key.reveal()}"},
            timeout=self._timeout,
            # Nobody else is to be sent the key.
            allow_redirects=False,
            **request,
        ) as response:
            body = await response.read()
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return Answer(status=response.status, headers=response.headers, body=body)
        raise read_error_answer(response.status, body, self._wait_seconds(response.headers))

    def _wait_seconds(self, headers: Mapping[str, str]) -> float | None:
        now = self._clock.now()
        wait = read_retry_after_seconds(headers.get("Retry-After"), now=now)
        if wait is not None:
            return wait
        # https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
        reset = headers.get("X-RateLimit-Reset", "").strip()
        if not (reset.isascii() and reset.isdigit()):
            return None
        return min(max(float(reset) - now.timestamp(), 0.0), LONGEST_WAIT_SECONDS)
