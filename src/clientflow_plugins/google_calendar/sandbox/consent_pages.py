"""The pages at which a user is asked for their consent, for people who play one."""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import attrs
from aiohttp import web

from clientflow_core.sandbox.control import answer_problems
from clientflow_plugins.google_calendar.authorization import AUTHORIZATION_PATH
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.sandbox.tokens import TokenDesk
from clientflow_plugins.google_calendar.settings import SCOPES

CALLBACK_PATH: Final = "/oauth/google_calendar/callback"
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}"
)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ASKED: Final = frozenset(
    {
        "client_id", "redirect_uri", "response_type", "scope", "access_type", "prompt", "state",
        "code_challenge", "code_challenge_method",
    }
)  # fmt: skip
_FIXED: Final = {"response_type": "code", "code_challenge_method": "S256", "prompt": "consent"}


@attrs.frozen
class NotAsked(Exception):
    """Google shows an error instead of the question, and leads nobody back."""

    error: str
    sentence: str
    status: int = HTTPStatus.BAD_REQUEST

    def as_page(self) -> web.Response:
        """Give Google's page for it."""
        words = f"<p>{html.escape(self.sentence)}</p><p>Error {self.status:d}: {self.error}</p>"
        return _page("Access blocked: the request is invalid", words, status=self.status)


@attrs.frozen
class ConsentPages:
    """Ask the owner, who is signed in, and lead back with a code or with a no.

    Args:
        tokens: give the codes, and know the client.
        host_url: gives where the app is whose callback is registered.
    """

    tokens: TokenDesk
    host_url: Callable[[], str] = attrs.field(kw_only=True)

    def routes(self) -> Iterable[web.RouteDef]:
        """Give the page, and what its form is sent to."""
        yield web.get(AUTHORIZATION_PATH, self._show)
        # Another site must not be able to press Allow.
        yield web.post(AUTHORIZATION_PATH, answer_problems(self._decide))

    async def _show(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = self._read(request)
        except NotAsked as refusal:
            return refusal.as_page()
        return _page("ClientFlow wants to access your calendars", _question(asked))

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        try:
            asked = self._read(request)
        except NotAsked as refusal:
            return refusal.as_page()
        told = {"state": asked["state"]}
        if form.get("decision") != "allow":
            raise web.HTTPSeeOther(_with(asked["redirect_uri"], {"error": "access_denied"} | told))
        granted = [scope for scope in asked["scope"].split() if scope in form.getall("scope", [])]
        code = self.tokens.codes.give(
            granted,
            redirect_uri=asked["redirect_uri"],
            code_challenge=asked["code_challenge"],
            is_offline=asked["access_type"] == "offline",
        )
        told |= {"code": code, "scope": " ".join(granted)}
        raise web.HTTPSeeOther(_with(asked["redirect_uri"], told))

    def _read(self, request: web.Request) -> Mapping[str, str]:
        """Give what the app asks for.

        Raises:
            NotAsked: it asks for something that the client may not, or in words that Google, or the
                sandbox, does not know.
        """
        asked = dict(request.query)
        if odd := sorted(_ASKED ^ asked.keys()) or len(request.query) != len(asked):
            raise NotAsked("invalid_request", f"Missing, unknown or repeated parameter: {odd}")
        if asked["client_id"] != self.tokens.credentials.get("GOOGLE_CLIENT_ID"):
            raise NotAsked(
                "invalid_client", "The OAuth client was not found.", HTTPStatus.UNAUTHORIZED
            )
        if asked["redirect_uri"] != self.host_url() + CALLBACK_PATH:
            sentence = "This address to come back to is not registered for the client."
            raise NotAsked("redirect_uri_mismatch", sentence)
        if not set(asked["scope"].split()) <= set(SCOPES) or not asked["scope"]:
            raise NotAsked("invalid_scope", "Some requested scopes were invalid.")
        self._read_form(asked)
        return asked

    def _read_form(self, asked: Mapping[str, str]) -> None:
        wrong = [name for name, value in _FIXED.items() if asked[name] != value]
        if asked["access_type"] not in {"online", "offline"}:
            wrong.append("access_type")
        if not _CHALLENGE.fullmatch(asked["code_challenge"]):
            wrong.append("code_challenge")
        if wrong:
            raise NotAsked("invalid_request", f"Invalid parameter value for {wrong[0]}")


def _question(asked: Mapping[str, str]) -> str:
    boxes = "".join(
        f"<p><label><input type=checkbox name=scope value='{html.escape(one)}' checked> "
        f"{html.escape(one.rpartition('/')[2])}</label></p>"
        for one in asked["scope"].split()
    )
    return (
        f"<p>You are signed in as {OWNER}. This is a stand-in for Google.</p>"
        f"<form method=post>{boxes}<button name=decision value=allow>Allow</button> "
        "<button name=decision value=deny>Deny</button></form>"
    )


def _with(url: str, query: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(query)}"


def _page(title: str, body: str, *, status: int = HTTPStatus.OK) -> web.Response:
    text = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)} - Google sandbox</title><style>{_STYLE}</style>"
        f"<main><h1>{html.escape(title)}</h1>{body}</main></html>"
    )
    return web.Response(text=text, status=status, content_type="text/html")
