"""Google's token endpoint: who gets an access token, and what it may do.

https://developers.google.com/identity/protocols/oauth2/service-account#error-codes has the words.
"""

import datetime as dt
import functools
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from cryptography.hazmat.primitives import serialization
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from clientflow_core.clock import Clock
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.authorization import CODE_GRANT
from clientflow_plugins.google_calendar.credentials import (
    AUDIENCE,
    JWT_GRANT,
    REFRESH_GRANT,
)
from clientflow_plugins.google_calendar.sandbox.codes import ConsentCodes, NoToken
from clientflow_plugins.google_calendar.settings import SCOPES, read_service_account

_LIFETIME: Final = dt.timedelta(seconds=3599)
_LONGEST: Final = 3600
_SKEW_SECONDS: Final = 60
_PREFIX: Final = "ya29."
_LASTING: Final = "1//"
_OF_USER: Final = "u"
_OF_ACCOUNT: Final = "a"
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    JWT_GRANT: frozenset({"grant_type", "assertion"}),
    REFRESH_GRANT: frozenset({"grant_type", "client_id", "client_secret", "refresh_token"}),
    CODE_GRANT: frozenset(
        {"grant_type", "client_id", "client_secret", "code", "code_verifier", "redirect_uri"}
    ),
}


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
    That a consent was taken back does not.

    Attributes:
        codes: those that users have consented with.
    """

    credentials: Mapping[str, str]
    clock: Clock
    codes: ConsentCodes = attrs.field(
        init=False, default=attrs.Factory(lambda self: ConsentCodes(self.clock), takes_self=True)
    )
    _revocations: int = attrs.field(default=0, init=False)
    _taken_back: set[str] = attrs.field(factory=set, init=False)

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
        if grant == JWT_GRANT:
            return self.issue(acts_for_user=self._check_assertion(form))
        self._check_client(form)
        if grant == CODE_GRANT:
            return self._redeem(form)
        if not self._is_consent(form["refresh_token"]):
            raise NoToken("invalid_grant", "Token has been expired or revoked.")
        return self.issue(acts_for_user=True, mark=_mark(form["refresh_token"]))

    def find(self, header: str) -> Token | None:
        """Give the token that an ``Authorization`` *header* bears, if it counts."""
        scheme, _, text = header.partition(" ")
        token = self._read(text) if scheme == "Bearer" else None
        return token if token and token.expires > self.clock.now() else None

    def revoke(self) -> None:
        """Let no token count that was given so far."""
        self._revocations += 1

    def take_back(self, form: Mapping[str, str]) -> None:
        """Let the refresh token in *form* count no more, nor what was given for it.

        Raises:
            NoToken: it does not count as it is.
        """
        if set(form) != {"token"}:
            raise NoToken("invalid_request", "Missing or unknown parameter")
        if not self._is_consent(form["token"]):
            raise NoToken("invalid_token", "Token expired or revoked")
        self._taken_back.add(_mark(form["token"]))

    def issue(self, *, acts_for_user: bool, mark: str | None = None) -> dict[str, Any]:
        """Give a token to somebody who has proven to be who may have one.

        Args:
            acts_for_user: whether it is a user's.
            mark: of the consent that it is given for.
        """
        ends = int((self.clock.now() + _LIFETIME).timestamp())
        kind = _OF_USER if acts_for_user else _OF_ACCOUNT
        said = f"{_PREFIX}{kind}{ends}-{mark or secrets.token_hex(8)}"
        return {
            "access_token": f"{said}-{self._sign(said)}",
            "expires_in": int(_LIFETIME.total_seconds()),
            "scope": " ".join(SCOPES),
            "token_type": "Bearer",
        }

    def _read(self, text: str) -> Token | None:
        said, _, signature = text.rpartition("-")
        if not (said.startswith(_PREFIX) and _is_same(self._sign(said), signature)):
            return None
        if said.rpartition("-")[2] in self._taken_back:
            return None
        kind, ends = said.removeprefix(_PREFIX)[0], said.removeprefix(_PREFIX)[1:].partition("-")[0]
        expires = dt.datetime.fromtimestamp(int(ends), dt.UTC)
        return Token(expires=expires, acts_for_user=kind == _OF_USER)

    def _sign(self, said: str, *, is_lasting: bool = False) -> str:
        key = "\0".join(value for _, value in sorted(self.credentials.items()))
        words = said if is_lasting else f"{self._revocations} {said}"
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

    def _check_client(self, form: Mapping[str, str]) -> None:
        if not self._has("GOOGLE_CLIENT_ID", form["client_id"]):
            sentence = "The OAuth client was not found."
            raise NoToken("invalid_client", sentence, HTTPStatus.UNAUTHORIZED)
        if not self._has("GOOGLE_CLIENT_SECRET", form["client_secret"]):
            raise NoToken("invalid_client", "Unauthorized", HTTPStatus.UNAUTHORIZED)

    def _redeem(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Give what a code stands for; the refresh token only where the access shall last."""
        asked = self.codes.redeem(form)
        said = f"{_LASTING}{secrets.token_hex(16)}"
        token = f"{said}-{self._sign(said, is_lasting=True)}"
        answer = self.issue(acts_for_user=True, mark=_mark(token))
        answer["scope"] = " ".join(asked.scopes)
        return answer | ({"refresh_token": token} if asked.is_offline else {})

    def _is_consent(self, token: str) -> bool:
        if _mark(token) in self._taken_back:
            return False
        if self._has("GOOGLE_CALENDAR_REFRESH_TOKEN", token):
            return True
        said, _, signature = token.rpartition("-")
        made = self._sign(said, is_lasting=True)
        return said.startswith(_LASTING) and _is_same(made, signature)

    def _has(self, name: str, given: str) -> bool:
        known = self.credentials.get(name)
        return known is not None and _is_same(known, given)


def _is_same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "surrogatepass"))


def _mark(token: str) -> str:
    """Give what tells a consent from others, and says nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:16]


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
