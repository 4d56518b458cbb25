"""Sentry's envelopes on the process's one HTTP session.

The SDK's own transport starts a thread and a connection pool of its own; a queue and a task do the
same here, and the deadline of ``flush`` can be kept without blocking the loop.
"""

import gzip
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.transport import Transport
from sentry_sdk.utils import Dsn
from typing_extensions import override

from clientflow_core.secret import Secret
from clientflow_plugins.sentry.errors import BadAnswer, map_error
from clientflow_plugins.sentry.rate_limits import RateLimits

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=4)
# Most of the gain for a third of the time of the highest level.
_COMPRESSION: Final = 5


class KeepingTransport(Transport):
    """Keeps what the SDK has made, until it is taken."""

    def __init__(self, dsn: Secret) -> None:
        super().__init__({"dsn": dsn.reveal()})
        self._made: list[Envelope] = []

    @override
    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep *envelope*."""
        self._made.append(envelope)

    def take(self) -> Sequence[Envelope]:
        """Give what is kept, and forget it."""
        taken, self._made = self._made, []
        return taken


class EnvelopeSender:
    """Posts envelopes, one at a time, save those that Sentry does not want for now.

    Args:
        http: the shared session.
        dsn: where they go, and with which key.
        client: names us.
    """

    def __init__(self, http: aiohttp.ClientSession, dsn: Dsn, *, client: str) -> None:
        auth = dsn.to_auth(client)
        self._http, self._url = http, auth.get_api_url()
        self._headers = {
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
            "User-Agent": client,
            "X-Sentry-Auth": auth.to_header(),
        }
        self._limits = RateLimits()

    async def send(self, envelope: Envelope) -> None:
        """Post what of *envelope* is wanted.

        Raises:
            AuthFailed, RateLimited, ProviderUnavailable: it was not taken.
        """
        wanted = [item for item in envelope.items if self._limits.allow(item.data_category)]
        if wanted:
            await self._deliver(Envelope(headers=envelope.headers, items=wanted))

    async def prove(self) -> None:
        """Post an empty report of losses, which shows nowhere.

        An envelope with nothing in it would be answered 200 before the key is looked at.

        Raises:
            AuthFailed, RateLimited, ProviderUnavailable: it was not taken.
        """
        report = PayloadRef(json={"discarded_events": []})
        await self._deliver(Envelope(items=[Item(payload=report, type="client_report")]))

    async def _deliver(self, envelope: Envelope) -> None:
        try:
            await self._post(envelope)
        except (aiohttp.ClientError, OSError, ValueError, BadAnswer) as error:
            raise map_error(error) from error

    async def _post(self, envelope: Envelope) -> None:
        body = gzip.compress(envelope.serialize(), _COMPRESSION)
        async with self._http.post(
            self._url,
            data=body,
            headers=self._headers,
            timeout=_TIMEOUT,
            # Nobody else is to be sent the key.
            allow_redirects=False,
        ) as answer:
            is_refused = answer.status == HTTPStatus.TOO_MANY_REQUESTS
            wait = self._limits.learn(answer.headers, is_refused=is_refused)
            if answer.status != HTTPStatus.OK:
                raise BadAnswer(answer.status, wait)
            # Whoever answers something else is not Sentry.
            json.loads(await answer.read())
