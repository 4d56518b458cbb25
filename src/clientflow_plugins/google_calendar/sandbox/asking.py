"""Calls of the API: who asks, what is asked, and whether Google, and the sandbox, know of it."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from aiohttp import web

from clientflow_core.sandbox.control import Handler
from clientflow_plugins.google_calendar.sandbox.discovery import (
    check_body,
    method,
    read_query,
)
from clientflow_plugins.google_calendar.sandbox.refusals import Refusal, bad_request, forbidden
from clientflow_plugins.google_calendar.sandbox.tokens import Token, TokenDesk

_API_PATH: Final = "/calendar/v3/"
# What an event may say that the sandbox keeps; a change repeats what Google has said beside it.
_EVENT: Final = frozenset(
    {
        "id", "summary", "description", "location", "attendees", "transparency", "start", "end",
        "status", "reminders",
    }
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Asked:
    """A call of the API whose caller, query and body were looked at.

    Attributes:
        path: the parts of the path that have a name.
        etag: the version that the call is about, if it says one.
    """

    token: Token
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: dict[str, Any]
    etag: str | None


@attrs.frozen(kw_only=True)
class Method:
    """A method of the API.

    Attributes:
        name: as the discovery document has it, such as ``events.list``.
        answer: gives the answer; None for one without a body.
        query: the parameters that the sandbox can act on.
        body: the fields that it can act on; None where *answer* looks at them itself.
    """

    name: str
    answer: Callable[[Asked], dict[str, Any] | None]
    query: Iterable[str] = ()
    body: Iterable[str] | None = None

    def route(self, tokens: TokenDesk) -> web.RouteDef:
        """Serve it to whoever has one of *tokens*."""
        about = method(self.name)
        return web.route(about["httpMethod"], _API_PATH + about["path"], self._handler(tokens))

    def _handler(self, tokens: TokenDesk) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                found = self.answer(await self._read(request, tokens))
            except Refusal as refusal:
                return refusal.as_response()
            if found is None:
                return web.Response(status=HTTPStatus.NO_CONTENT)
            return web.json_response(found)

        return handle

    async def _read(self, request: web.Request, tokens: TokenDesk) -> Asked:
        token = tokens.find(request.headers.get("Authorization", ""))
        if token is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "authError", "Invalid Credentials")
        query = read_query(self.name, request.query)
        only(query, {"alt", *self.query})
        body = self._read_body(await request.read())
        etag = request.headers.get("If-Match")
        return Asked(token=token, path=request.match_info, query=query, body=body, etag=etag)

    def _read_body(self, content: bytes) -> dict[str, Any]:
        if "request" not in method(self.name):
            if content:
                raise bad_request("badRequest", "this method takes no body")
            return {}
        try:
            body = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise bad_request("parseError", "Parse Error") from error
        check_body(self.name, body)
        if self.body is not None:
            only(body, self.body)
        return dict(body)


def only(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse what Google would take, and the sandbox cannot act on.

    Raises:
        Refusal: *given* has more than what is *known*.
    """
    odd = sorted(given.keys() - set(known))
    if odd:
        raise bad_request("invalid", f"the sandbox cannot act on {odd[0]}")


def check_new(asked: Asked) -> None:
    """Let a new event pass.

    Raises:
        Refusal: it says something that this account, or the sandbox, cannot do.
    """
    only(asked.body, _EVENT)
    if asked.body.get("status", "confirmed") != "confirmed":
        raise bad_request("invalid", "the sandbox takes confirmed events alone")
    _check_attendees(asked)


def check_changed(asked: Asked, current: Mapping[str, Any]) -> None:
    """Let a change pass that says again what Google has said of the event, and what is new.

    Raises:
        Refusal: it says something that this account, or the sandbox, cannot do.
    """
    repeated = {name for name in current if asked.body.get(name) == current[name]}
    only(asked.body, _EVENT | repeated)
    _check_attendees(asked)


def read_moment(body: Mapping[str, str], name: str) -> dt.datetime:
    """Read a moment of a question for free times.

    Raises:
        Refusal: it is missing, or has no offset.
    """
    when = dt.datetime.fromisoformat(body[name]) if name in body else None
    if when is None or when.tzinfo is None:
        raise bad_request("required", f"Missing {name} parameter.")
    return when


def _check_attendees(asked: Asked) -> None:
    if asked.body.get("attendees") and not asked.token.acts_for_user:
        message = (
            "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority."
        )
        raise forbidden("forbiddenForServiceAccounts", message)
