"""Google's token endpoint: who gets an access token, and what it may do.

https://developers.google.com/identity/protocols/oauth2/service-account#error-codes has the words.
"""

import datetime as dt
import functools
import hmac
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from clientflow_core.clock import Clock
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.credentials import (
    AUDIENCE,
    JWT_GRANT,
    REFRESH_GRANT,
    SCOPES,
)
from clientflow_plugins.google_calendar.settings import read_service_account

_LIFETIME: Final = dt.timedelta(seconds=3599)
_LONGEST: Final = 3600
_SKEW_SECONDS: Final = 60
_PREFIX: Final = "ya29."
_OF_USER: Final = "u"
_OF_ACCOUNT: Final = "a"
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    JWT_GRANT: frozenset({"grant_type", "assertion"}),
    REFRESH_GRANT: frozenset({"grant_type", "client_id", "client_secret", "refresh_token"}),
}


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
class Token:
    """What an access token stands for.

    Attributes:
        acts_for_user: whether it is a user's, and not a service account's own.
    """

    expires: dt.datetime
    acts_for_user: bool


@attrs.define
class TokenDesk:
    """Gives tokens to whoever has the credentials, and knows them again by what stands in them.

    So they outlive the process, as Google's do: who has just fetched one does not fetch another.
    """

    credentials: Mapping[str, str]
    clock: Clock
    _revocations: int = attrs.field(default=0, init=False)

    def give(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Give a token for what *form* says.

        Raises:
            NoToken: nobody gets one for that.
        """
        grant = form.get("grant_type", "")
        if grant not in _FIELDS:
            raise NoToken("unsupported_grant_type", f"Invalid grant_type: {grant}")
        odd = sorted(_FIELDS[grant] ^ form.keys())
        if odd:
            raise NoToken("invalid_request", f"Missing or unknown parameter: {odd[0]}")
        is_jwt = grant == JWT_GRANT
        acts_for_user = self._check_assertion(form) if is_jwt else self._check_consent(form)
        return self.issue(acts_for_user=acts_for_user)

    def find(self, header: str) -> Token | None:
        """Give the token that an ``Authorization`` *header* bears, if it counts."""
        scheme, _, text = header.partition(" ")
        token = self._read(text) if scheme == "Bearer" else None
        return token if token and token.expires > self.clock.now() else None

    def revoke(self) -> None:
        """Let no token count that was given so far."""
        self._revocations += 1

    def issue(self, *, acts_for_user: bool) -> dict[str, Any]:
        """Give a token to somebody who has proven to be who may have one."""
        ends = int((self.clock.now() + _LIFETIME).timestamp())
        kind = _OF_USER if acts_for_user else _OF_ACCOUNT
        said = f"{_PREFIX}{kind}{ends}-{secrets.token_hex(8)}"
        return {
            "access_token": f"{said}-{self._sign(said)}",
            "expires_in": int(_LIFETIME.total_seconds()),
            "scope": " ".join(SCOPES),
            "token_type": "Bearer",
        }

    def _read(self, text: str) -> Token | None:
        said, _, signature = text.rpartition("-")
        if not hmac.compare_digest(
            self._sign(said).encode(), signature.encode("utf-8", "surrogatepass")
        ):
            return None
        kind, ends = said.removeprefix(_PREFIX)[0], said.removeprefix(_PREFIX)[1:].partition("-")[0]
        expires = dt.datetime.fromtimestamp(int(ends), dt.UTC)
        return Token(expires=expires, acts_for_user=kind == _OF_USER)

    def _sign(self, said: str) -> str:
        key = "\0".join(value for _, value in sorted(self.credentials.items()))
        words = f"{self._revocations} {said}"
        return hmac.new(key.encode(), words.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def _check_assertion(self, form: Mapping[str, str]) -> bool:
        text = self.credentials.get("GOOGLE_SVC_ACCOUNT_JSON")
        if text is None:
            raise NoToken("invalid_grant", "Invalid grant: account not found")
        key = read_service_account(Secret(text))
        claims = _claims(form["assertion"], public_key=_public_key(key["private_key"]))
        if claims.get("iss") != key["client_email"]:
            raise NoToken("invalid_grant", "Invalid grant: account not found")
        if claims["exp"] - claims["iat"] > _LONGEST:
            raise NoToken("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        self._check_reach(claims)
        return "sub" in claims

    def _check_reach(self, claims: Mapping[str, Any]) -> None:
        scopes, subject = set(str(claims.get("scope", "")).split()), claims.get("sub")
        is_delegated = subject in {None, self.credentials.get("GOOGLE_CALENDAR_SUBJECT")}
        if not is_delegated or not scopes or scopes - set(SCOPES):
            sentence = "Client is unauthorized to retrieve access tokens using this method"
            raise NoToken("unauthorized_client", sentence, HTTPStatus.UNAUTHORIZED)

    def _check_consent(self, form: Mapping[str, str]) -> bool:
        if not self._has("GOOGLE_CLIENT_ID", form["client_id"]):
            sentence = "The OAuth client was not found."
            raise NoToken("invalid_client", sentence, HTTPStatus.UNAUTHORIZED)
        if not self._has("GOOGLE_CLIENT_SECRET", form["client_secret"]):
            raise NoToken("invalid_client", "Unauthorized", HTTPStatus.UNAUTHORIZED)
        if not self._has("GOOGLE_CALENDAR_REFRESH_TOKEN", form["refresh_token"]):
            raise NoToken("invalid_grant", "Token has been expired or revoked.")
        return True

    def _has(self, name: str, given: str) -> bool:
        known = self.credentials.get(name)
        return known is not None and hmac.compare_digest(known.encode(), given.encode())


def _claims(assertion: str, *, public_key: str) -> Mapping[str, Any]:
    """Read what a service account has signed.

    Raises:
        NoToken: it has not, or not for Google, or its time is over.
    """
    try:
        claims: Mapping[str, Any] = jwt.decode(
            assertion,
            certs=public_key,
            audience=AUDIENCE,
            clock_skew_in_seconds=_SKEW_SECONDS,
        )
    except (GoogleAuthError, ValueError, LookupError, TypeError) as error:
        raise NoToken("invalid_grant", "Invalid JWT Signature.") from error
    return claims


@functools.lru_cache(maxsize=8)
def _public_key(private_key: str) -> str:
    # It is the stand-in's own.
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
