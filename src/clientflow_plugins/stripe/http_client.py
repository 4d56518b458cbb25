"""Stripe's SDK on the process's one HTTP session."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import stripe
import yarl
from typing_extensions import override

from clientflow_core.providers.sent_once import sent_once

CONNECT_SECONDS: Final = 4.0
TOTAL_SECONDS: Final = 10.0


class SharedSessionClient(stripe.AIOHTTPClient):
    """Send the SDK's requests through a session that somebody else owns, and never close it.

    No redirect is followed, and no change is sent twice. What the session raises comes out as it
    is, so that a call that was never sent is known as such; the SDK's own client reads the body
    outside of its ``try``, and leaves the connection open when that is cancelled.

    Args:
        session: the shared session.
        total_seconds: the deadline of one request; connecting, which includes the wait for a free
            connection, has a shorter one.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._shared = session
        self._deadlines = aiohttp.ClientTimeout(
            total=total_seconds, connect=min(CONNECT_SECONDS, total_seconds / 2)
        )
        super().__init__(session=session, timeout=self._deadlines)

    @override
    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request and give the body, the status and the headers of its answer.

        Raises:
            aiohttp.ClientError, TimeoutError: there was none.
        """
        async with self._shared.request(
            method,
            # To the letter, as the SDK has written it.
            yarl.URL(url, encoded=True),
            **sent_once(method, post_data, headers=headers),
            timeout=self._deadlines,
            allow_redirects=False,
        ) as answer:
            return await answer.read(), answer.status, answer.headers
