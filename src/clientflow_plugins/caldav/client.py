"""HTTP to a CalDAV server, on the process's one session; nothing is repeated in here."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import attrs
from yarl import URL

from clientflow_core.providers.sent_once import sent_once
from clientflow_plugins.caldav.answers import Multistatus, path_of, read_multistatus
from clientflow_plugins.caldav.errors import Refusal, map_error
from clientflow_plugins.caldav.settings import CaldavSettings

# An operation is three calls at the most, and together less than ProviderSpec.deadline_seconds.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=9, connect=4)
# More than any page of events, and not so much that a server could fill our memory.
LONGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_XML: Final = 'application/xml; charset="utf-8"'
ICS: Final = "text/calendar; charset=utf-8"
_CHANGES: Final = frozenset({"PUT", "DELETE"})


@attrs.frozen(kw_only=True)
class Answer:
    """What came back.

    Attributes:
        etag: the version of what was given; empty where none is named.
    """

    status: int
    body: bytes
    etag: str


class DavClient:
    """Asks one server, with one account's name and password.

    Args:
        http: lent; it is never closed here.
        settings: the account.

    Attributes:
        start: the path of ``CALDAV_URL``.
    """

    def __init__(self, http: aiohttp.ClientSession, settings: CaldavSettings) -> None:
        parts = urlsplit(settings.url)
        self._http = http
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._authorization = aiohttp.encode_basic_auth(
            settings.username, settings.password.reveal(), encoding="utf-8"
        )
        self.start = path_of(parts.path or "/", base="/")

    def is_here(self, href: str) -> bool:
        """Whether an address that the server gave is on itself: nobody else gets the password."""
        url = URL(href, encoded=True)
        return not url.absolute or url.origin() == URL(self._origin)

    async def propfind(self, path: str, body: bytes, *, depth: int) -> Multistatus:
        """Ask for properties, of *path* (0) or of what is in it as well (1)."""
        return await self._ask_about("PROPFIND", path, body, depth=depth)

    async def report(self, path: str, body: bytes, *, depth: int) -> Multistatus:
        """Ask a question about what is in the collection *path*."""
        return await self._ask_about("REPORT", path, body, depth=depth)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        expects: Collection[int] = (),
    ) -> Answer:
        """Make one call.

        Args:
            method: of HTTP.
            path: quoted.
            body: what is sent.
            headers: beside the account's.
            expects: statuses that are answers here, though they are none of 2xx.

        Raises:
            ProviderError: the answer is another one, or there was none.
        """
        try:
            answer, retry_after = await self._send(method, path, body, headers or {})
            is_answer = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
            if not (is_answer or answer.status in expects):
                raise Refusal.of(answer.status, answer.body, retry_after)
        except (Refusal, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise map_error(error, is_change=method in _CHANGES) from error
        return answer

    async def _ask_about(self, method: str, path: str, body: bytes, *, depth: int) -> Multistatus:
        headers = {"Content-Type": _XML, "Depth": str(depth)}
        answer = await self.call(method, path, body=body, headers=headers)
        try:
            return read_multistatus(answer.body, path=path)
        except ValueError as error:
            raise map_error(error, is_change=False) from error

    async def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Answer, str | None]:
        all_headers = {"Authorization": self._authorization, **headers}
        async with self._http.request(
            method,
            URL(f"{self._origin}/{path.lstrip('/')}", encoded=True),
            **sent_once(method, body, headers=all_headers),
            timeout=_TIMEOUT,
            # Nobody else is to be sent the password.
            allow_redirects=False,
        ) as response:
            answer = Answer(
                status=response.status,
                body=await _read_bounded(response),
                etag=response.headers.get("ETag", ""),
            )
            return answer, response.headers.get("Retry-After")


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, left = [], LONGEST_ANSWER_BYTES
    async for part in response.content.iter_any():
        left -= len(part)
        if left < 0:
            msg = f"the answer is longer than {LONGEST_ANSWER_BYTES} bytes"
            raise ValueError(msg)
        parts.append(part)
    return b"".join(parts)
