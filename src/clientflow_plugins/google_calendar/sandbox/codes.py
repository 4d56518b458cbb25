"""What a user has consented to, until it is exchanged: https://www.rfc-editor.org/rfc/rfc7636."""

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import web

from clientflow_core.clock import Clock

# https://developers.google.com/identity/protocols/oauth2/web-server says only that it is short.
_LASTS: Final = dt.timedelta(minutes=10)


@attrs.frozen
class NoToken(Exception):
    """No token is given, with the words of RFC 6749 and Google's sentence."""

    error: str
    description: str
    status: int = HTTPStatus.BAD_REQUEST

    def as_response(self) -> web.Response:
        """Give Google's JSON for it."""
        body = {"error": self.error, "error_description": self.description}
        return web.json_response(body, status=self.status)


@attrs.frozen(kw_only=True)
class Consented:
    """What a code stands for.

    Attributes:
        scopes: those that the user has left ticked.
        is_offline: whether access shall last.
    """

    redirect_uri: str
    code_challenge: str
    scopes: Sequence[str]
    is_offline: bool
    until: dt.datetime


@attrs.define
class ConsentCodes:
    """The codes that wait to be exchanged: each once, soon, by who has asked for it."""

    clock: Clock
    _waiting: dict[str, Consented] = attrs.field(factory=dict, init=False)

    def give(
        self, scopes: Sequence[str], *, redirect_uri: str, code_challenge: str, is_offline: bool
    ) -> str:
        """Make a code."""
        code = f"4/{secrets.token_urlsafe(24)}"
        self._waiting[code] = Consented(
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            scopes=scopes,
            is_offline=is_offline,
            until=self.clock.now() + _LASTS,
        )
        return code

    def redeem(self, form: Mapping[str, str]) -> Consented:
        """Give what the code in *form* stands for; it is used up then, whatever comes of it.

        Raises:
            NoToken: it stands for nothing, or somebody else has asked for it.
        """
        asked = self._waiting.pop(form["code"], None)
        if asked is None or asked.until <= self.clock.now():
            raise NoToken("invalid_grant", "Malformed auth code.")
        if form["redirect_uri"] != asked.redirect_uri:
            raise NoToken("redirect_uri_mismatch", "Bad Request")
        if not hmac.compare_digest(challenge_of(form["code_verifier"]), asked.code_challenge):
            raise NoToken("invalid_grant", "Invalid code verifier.")
        return asked


def challenge_of(verifier: str) -> str:
    """Give the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
