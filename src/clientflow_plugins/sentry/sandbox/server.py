"""A strict stand-in for Sentry; it keeps what it was sent, as a project does."""

import hmac
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from aiohttp import web
from typing_extensions import override

from clientflow_core.sandbox import ControlBody, ProviderSandbox
from clientflow_core.sandbox.control import read_control_body
from clientflow_plugins.sentry.sandbox.auth import authenticate
from clientflow_plugins.sentry.sandbox.envelopes import CATEGORIES, Item, read_envelope
from clientflow_plugins.sentry.sandbox.payloads import check_event, check_transaction
from clientflow_plugins.sentry.sandbox.refusals import Refusal, error_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ORGANIZATION, _PROJECT_SLUG = "sandbox", "clientflow"
_MOST_KEPT: Final = 5000
_LIMIT_HEADER: Final = "X-Sentry-Rate-Limits"
_LIMITED: Final = (
    "Sentry dropped data due to a quota or internal rate limit being reached. This will not affect"
    " your application. See https://docs.sentry.io/product/accounts/quotas/ for more information."
)


class SentrySandbox(ProviderSandbox):
    """One project: its envelope endpoint, and the list of its alert rules.

    ``POST /_control/limits`` ``{category, seconds}`` lets a quota be used up: envelopes of that
    category are answered 429 from then on, until *seconds* is 0.
    """

    name: ClassVar[str] = "sentry"
    title: ClassVar[str] = "Sentry"
    thing: ClassVar[str] = "report"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._key = self.credentials["SENTRY_SANDBOX_KEY"]
        self._project = self.credentials["SENTRY_SANDBOX_PROJECT"]
        self._events: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self._transactions: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self._limits: dict[str, int] = {}

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make a project with one key, and a token of somebody who may read its rules."""
        return {
            "SENTRY_SANDBOX_KEY": secrets.token_hex(16),
            "SENTRY_SANDBOX_PROJECT": str(1 + secrets.randbelow(9_000_000)),
            "SENTRY_AUTH_TOKEN": f"sntryu_{secrets.token_hex(32)}",
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the DSN, and all that the checks ask for."""
        parts = urlsplit(self.base_url)
        return {
            "SENTRY_DSN": f"{parts.scheme}://{self._key}@{parts.netloc}{parts.path}/{self._project}",
            "SENTRY_ENVIRONMENT": "sandbox",
            "SENTRY_RELEASE": "clientflow@sandbox+0000000",
            "SENTRY_TRACES_SAMPLE_RATE": "1.0",
            "SENTRY_AUTH_TOKEN": self.credentials["SENTRY_AUTH_TOKEN"],
            "SENTRY_ORG": _ORGANIZATION,
            "SENTRY_PROJECT": _PROJECT_SLUG,
            "SENTRY_URL": self.base_url,
        }

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the two resources that the plugin uses."""
        rules = "/api/0/projects/{organization}/{project}/rules/"
        return (
            web.post("/api/{project}/envelope/", _answering(self._take_envelope)),
            web.get(rules, _answering(self._list_rules)),
        )

    @override
    def control_routes(self) -> Iterable[web.RouteDef]:
        """Give ``POST /_control/limits``."""
        return (web.post("/_control/limits", self._set_limit),)

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give Sentry's JSON for *status*."""
        return error_response(Refusal(status, HTTPStatus(status).phrase))

    @override
    def state(self) -> dict[str, Any]:
        """Give the errors and transactions of the project, in the order in which they came."""
        return {
            "events": list(self._events),
            "transactions": list(self._transactions),
            "limits": dict(self._limits),
        }

    @override
    def clear(self) -> None:
        """Forget every event and limit."""
        self._events.clear()
        self._transactions.clear()
        self._limits.clear()

    async def _take_envelope(self, request: web.Request) -> web.StreamResponse:
        authenticate(
            request.headers.get("X-Sentry-Auth"),
            project=request.match_info["project"],
            key=self._key,
            wanted_project=self._project,
        )
        if request.content_type != "application/x-sentry-envelope":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not an envelope")
        items = read_envelope(await request.read())
        limited = [item for item in items if CATEGORIES[item.type] in self._limits]
        for item in items:
            if item not in limited:
                self._keep(item)
        return self._refuse(limited) if limited else _taken(items)

    def _keep(self, item: Item) -> None:
        # A client_report shows nowhere but in the project's statistics.
        if item.type == "event":
            check_event(item.payload)
            self._events.append(item.payload)
        elif item.type == "transaction":
            check_transaction(item.payload)
            self._transactions.append(item.payload)

    def _refuse(self, limited: Iterable[Item]) -> web.Response:
        categories = sorted({CATEGORIES[item.type] for item in limited})
        seconds = {name: self._limits[name] for name in categories}
        answer = error_response(Refusal(HTTPStatus.TOO_MANY_REQUESTS, _LIMITED))
        limits = (f"{seconds[name]}:{name}:organization:usage" for name in categories)
        answer.headers[_LIMIT_HEADER] = ", ".join(limits)
        answer.headers["Retry-After"] = str(max(seconds.values()))
        return answer

    async def _list_rules(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        wanted = f"Bearer {self.credentials['SENTRY_AUTH_TOKEN']}".encode()
        if not hmac.compare_digest(given, wanted):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid token")
        place = request.match_info["organization"], request.match_info["project"]
        if place != (_ORGANIZATION, _PROJECT_SLUG):
            raise Refusal(HTTPStatus.NOT_FOUND, "The requested resource does not exist")
        return web.json_response([{"id": "1", "name": "Send a notification for new issues"}])

    async def _set_limit(self, request: web.Request) -> web.StreamResponse:
        body: ControlBody = await read_control_body(request)
        category = body.text("category")
        seconds = body.whole("seconds", minimum=0, maximum=3600, default=60)
        body.finish()
        self._limits.pop(category, None)
        if seconds:
            self._limits[category] = seconds
        return web.json_response({"limits": self._limits})


def _taken(items: Iterable[Item]) -> web.Response:
    ids = [item.payload["event_id"] for item in items if "event_id" in item.payload]
    return web.json_response({"id": ids[0]} if ids else {})


def _answering(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return error_response(refusal)

    return answer
