"""Google's SDK on the process's one HTTP session.

The SDK builds the requests and reads the answers; google-auth's asynchronous session sends them,
and fetches another token after a 401. Neither repeats anything else, follows a redirect, or closes
the session.
"""

import asyncio
import functools
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs
import google.auth.aio.transport.aiohttp as google_aiohttp
import httplib2  # type: ignore[import-untyped]
from google.auth.aio.transport import Response
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from googleapiclient.discovery import build  # type: ignore[import-untyped]
from googleapiclient.http import HttpRequest  # type: ignore[import-untyped]
from typing_extensions import override

from clientflow_core.providers.sent_once import sent_once
from clientflow_plugins.google_calendar.errors import read_error_answer

_CONNECT_SECONDS: Final = 3.0
# At DEBUG the first logs the token and all that is said, the second whose calendar it is.
_TALKATIVE: Final = ("google.auth.aio.transport.aiohttp", "googleapiclient.discovery")

for _name in _TALKATIVE:
    logging.getLogger(_name).setLevel(logging.WARNING)


class SharedSession(google_aiohttp.Request):
    """Send what google-auth wants to be sent through a session that somebody else owns."""

    @override
    async def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | aiohttp.ClientTimeout = 10.0,
        **kwargs: Any,
    ) -> Response:
        """Send one request, once; connecting, with the wait for a free connection, ends sooner.

        So a call that was never sent is known as such.

        Raises:
            google.auth.exceptions.TransportError, google.auth.exceptions.TimeoutError: there is no
                answer.
        """
        if isinstance(timeout, (int, float)):
            connect = min(_CONNECT_SECONDS, timeout / 2)
            timeout = aiohttp.ClientTimeout(total=timeout, connect=connect)
        once = sent_once(method, body, headers=headers or {})
        content, all_headers = once.pop("data"), once.pop("headers")
        # Nobody else is to be sent the token.
        return await super().__call__(
            url, method, content, all_headers, timeout, allow_redirects=False, **once, **kwargs
        )

    @override
    async def close(self) -> None:
        """Leave the session to its owner."""


class CalendarRequest(HttpRequest):  # type: ignore[misc]
    """A request as the SDK has built it, to be sent without blocking the loop."""

    async def send(self, session: AsyncAuthorizedSession, *, seconds: float) -> Any:
        """Send it once and give what the SDK reads out of the answer.

        Args:
            session: adds the token.
            seconds: the deadline of all of it.

        Raises:
            ErrorAnswer: the answer is not 2xx.
            google.auth.exceptions.GoogleAuthError, TimeoutError: there is none, or no token.
            ValueError: it cannot be read.
        """
        async with asyncio.timeout(seconds):
            response = await session.request(
                self.method,
                self.uri,
                data=self.body.encode() if self.body else None,
                headers=self.headers,
                timeout=seconds,
                total_attempts=1,
            )
            content = await response.read()
        status, headers = response.status_code, response.headers
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise read_error_answer(status, content, headers.get("Retry-After"))
        return self.postproc(httplib2.Response({"status": str(status)}), content)


@attrs.frozen(kw_only=True)
class CalendarApi:
    """The SDK's objects for the parts of the API that we use."""

    calendar_list: Any
    channels: Any
    events: Any
    freebusy: Any


@functools.lru_cache(maxsize=16)
def build_api(url: str) -> CalendarApi:
    """Give the API below *url*, whose requests are :class:`CalendarRequest`.

    It is made from the discovery document that the SDK brings along; nothing is asked. Every part
    takes the SDK milliseconds to make, and none holds anything of a caller: one serves all.
    """
    api = build(
        "calendar",
        "v3",
        # Made only so that the SDK does not look for credentials of its own; it sends nothing.
        http=httplib2.Http(),
        requestBuilder=CalendarRequest,
        client_options={"api_endpoint": url},
        static_discovery=True,
        cache_discovery=False,
    )
    return CalendarApi(
        calendar_list=api.calendarList(),
        channels=api.channels(),
        events=api.events(),
        freebusy=api.freebusy(),
    )
