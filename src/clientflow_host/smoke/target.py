"""What is tried, and how it is asked."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp
import attrs

from clientflow_core.secret import Secret
from clientflow_host.smoke.results import StepEnded

T = TypeVar("T")

_POLL_SECONDS: Final = 0.1
_MOST_SHOWN: Final = 200


@attrs.frozen(kw_only=True)
class Stage:
    """The stand-in of a provider, which can be asked to send what a client would.

    Attributes:
        control_url: its control surface.
        number: of the business, there.
    """

    control_url: str
    number: str


@attrs.frozen(kw_only=True)
class Target:
    """A running service, and who asks it.

    Attributes:
        url: without a slash at the end.
        api_key: of an organization that is there for trying; None skips what needs one.
        email, password: of a user; None skips signing in.
        stage: the stand-in beside it; None skips what would make a client of nobody.
    """

    url: str
    api_key: Secret | None = None
    email: str | None = None
    password: Secret | None = None
    stage: Stage | None = None


@attrs.frozen
class Answer:
    """What was answered: a JSON body as what it says, any other as its text."""

    url: str
    status: int
    headers: Any
    body: Any

    def require(self, *statuses: int, hint: str) -> "Answer":
        """Give this, if its status is one of *statuses*.

        Raises:
            StepEnded: it is not.
        """
        if self.status in statuses:
            return self
        what = self.body.get("detail", "") if isinstance(self.body, dict) else ""
        found = f"{self.url} answered {self.status} {what}".strip()[:_MOST_SHOWN]
        raise StepEnded(found, hint=hint)


@attrs.frozen
class Caller:
    """Asks a target. It follows no redirect, and keeps the cookies that it is given."""

    target: Target
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Ask as nobody, or as whom the cookies say; *path* may be a whole address."""
        url = path if "://" in path else f"{self.target.url}{path}"
        async with self.http.request(method, url, allow_redirects=False, **more) as answer:
            body = await _read(answer)
            return Answer(url, answer.status, answer.headers, body)

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        """Ask the API with the key."""
        key = self.target.api_key
        headers = {"Authorization": f"Bearer {key.reveal() if key else ''}"}
        return await self.ask(method, f"/api/v1{path}", headers=headers, **more)

    async def published(self) -> dict[str, Any]:
        """Give what the service says that it can do, by path."""
        answer = await self.ask("GET", "/api/openapi.json")
        hint = "Is this the address of a ClientFlow host?"
        body = answer.require(HTTPStatus.OK, hint=hint).body
        return dict(body.get("paths", {})) if isinstance(body, dict) else {}


async def wait_for(look: Callable[[], Awaitable[T | None]]) -> T:
    """Call *look* until it gives something; the step's deadline ends it."""
    begun = time.monotonic()
    while True:
        found = await look()
        if found is not None:
            return found
        # Less and less often: what is late is rarely just about to come.
        await asyncio.sleep(_POLL_SECONDS * (1 + (time.monotonic() - begun)))


async def _read(answer: aiohttp.ClientResponse) -> Any:
    if not answer.content_type.endswith("json"):
        return await answer.text(errors="replace")
    try:
        return await answer.json(content_type=None)
    except ValueError:
        return None
