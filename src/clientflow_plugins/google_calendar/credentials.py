"""Access tokens, fetched through the shared session as everything else is.

google-auth would fetch them in a thread, on a connection pool of its own, with retries that last
three seconds and no deadline (measured with google-auth 2.62); its ``aio`` credentials are a base
class alone. The two grants: https://developers.google.com/identity/protocols/oauth2/service-account
and https://developers.google.com/identity/protocols/oauth2/web-server#offline.
"""

import abc
import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from google.auth import crypt, jwt
from google.auth.aio.credentials import Credentials
from google.auth.aio.transport import Request, Response
from google.auth.exceptions import GoogleAuthError, InvalidOperation, RefreshError
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.errors import AuthFailed
from clientflow_core.providers.retry_after import read_retry_after_seconds
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.errors import TokenUnavailable
from clientflow_plugins.google_calendar.settings import (
    SCOPES,
    GoogleCalendarSettings,
    read_service_account,
)

# Google wants its own address as the audience, wherever the request goes.
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REFRESH_GRANT: Final = "refresh_token"
TOKEN_SECONDS: Final = 5.0
_LIFETIME: Final = dt.timedelta(hours=1)
# Before its end, so that a call does not arrive after it.
_MARGIN: Final = dt.timedelta(minutes=1)
# Google's clock may be behind ours.
_SKEW: Final = dt.timedelta(seconds=10)
_YOUNG: Final = dt.timedelta(minutes=1)
_BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_BUSY_WORDS: Final = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})


class TokenCredentials(Credentials, abc.ABC):
    """Keep one access token, and fetch the next when it is due; one fetch serves all who wait.

    Args:
        url: of the token endpoint.
        clock: tells when a token is due.
    """

    def __init__(self, *, url: str, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url
        self._clock = clock
        self._fetched_at = self._due_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._turn = asyncio.Lock()

    @override
    async def before_request(
        self, request: Request, method: str, url: str, headers: dict[str, str]
    ) -> None:
        """Put the token into *headers*, a new one if it is due.

        Raises:
            RefreshError: Google gives none.
            TokenUnavailable: Google did not say.
        """
        await self._renew(request, is_due=lambda: self._clock.now() >= self._due_at)
        headers["authorization"] = f"Bearer {self.token}"

    @override
    async def refresh(self, request: Request) -> None:
        """Fetch another token, since the API has refused this one.

        Raises:
            InvalidOperation: it has only just been fetched: the next would be refused as well.
            RefreshError, TokenUnavailable: as in :meth:`before_request`.
        """
        if self._clock.now() - self._fetched_at < _YOUNG:
            msg = "a new token was refused"
            raise InvalidOperation(msg)
        refused = self.token
        await self._renew(request, is_due=lambda: self.token == refused)

    @abc.abstractmethod
    async def _grant(self) -> Mapping[str, str]:
        """Give what is posted to the token endpoint."""

    async def _renew(self, request: Request, *, is_due: Any) -> None:
        try:
            async with asyncio.timeout(TOKEN_SECONDS), self._turn:
                if is_due():
                    self._take(await self._fetch(request))
        except TimeoutError as error:
            msg = f"no answer within {TOKEN_SECONDS:g} s"
            raise TokenUnavailable(msg) from error

    async def _fetch(self, request: Request) -> Mapping[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(await self._grant()).encode()
        try:
            response = await request(self._url, "POST", body, headers, TOKEN_SECONDS)
            content = await response.read()
        except (GoogleAuthError, OSError) as error:
            msg = f"the connection broke ({type(error.__cause__ or error).__name__})"
            raise TokenUnavailable(msg) from error
        return _read_answer(response, content)

    def _take(self, answer: Mapping[str, Any]) -> None:
        self._fetched_at = self._clock.now()
        self._due_at = self._fetched_at + dt.timedelta(seconds=answer["expires_in"]) - _MARGIN
        self.token = answer["access_token"]


class ServiceAccountCredentials(TokenCredentials):
    """A service account, which signs for itself or for a user of its domain.

    Args:
        key: of the service account.
        subject: the user for whom it acts.
        url: of the token endpoint.
        clock: dates what it signs.
    """

    def __init__(self, key: Secret, *, subject: str | None, url: str, clock: Clock) -> None:
        super().__init__(url=url, clock=clock)
        self._key = key
        self._subject = subject

    @override
    async def _grant(self) -> Mapping[str, str]:
        # In a thread: to read a key of 2048 bits takes some dozen milliseconds.
        return {"grant_type": JWT_GRANT, "assertion": await asyncio.to_thread(self._assertion)}

    def _assertion(self) -> str:
        key = read_service_account(self._key)
        try:
            signer = crypt.RSASigner.from_service_account_info(key)
        except ValueError as error:
            msg = "the private key of the service account cannot be read"
            raise RefreshError(msg) from error
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": key["client_email"],
            "aud": AUDIENCE,
            "scope": " ".join(SCOPES),
            "iat": int((now - _SKEW).timestamp()),
            "exp": int((now - _SKEW + _LIFETIME).timestamp()),
        }
        if self._subject:
            claims["sub"] = self._subject
        return str(jwt.encode(signer, claims).decode())


class UserCredentials(TokenCredentials):
    """A user, who has consented to our OAuth client.

    Args:
        client_id: of the OAuth client.
        client_secret: of the same.
        refresh_token: what the consent has given.
        url: of the token endpoint.
        clock: tells when a token is due.
    """

    def __init__(
        self,
        client_id: str,
        *,
        client_secret: Secret,
        refresh_token: Secret,
        url: str,
        clock: Clock,
    ) -> None:
        super().__init__(url=url, clock=clock)
        self._client_id = client_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token

    @override
    async def _grant(self) -> Mapping[str, str]:
        return {
            "grant_type": REFRESH_GRANT,
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
            "refresh_token": self._refresh_token.reveal(),
        }


def make_credentials(
    settings: GoogleCalendarSettings, *, url: str, clock: Clock
) -> TokenCredentials:
    """Give the credentials that *settings* name.

    Raises:
        AuthFailed: they name none, and have not been checked.
    """
    if settings.service_account is not None:
        return ServiceAccountCredentials(
            settings.service_account, subject=settings.subject, url=url, clock=clock
        )
    client_id, secret, token = settings.client_id, settings.client_secret, settings.refresh_token
    if not (client_id and secret and token):
        msg = "neither a service account nor the consent of a user is set"
        raise AuthFailed(msg)
    return UserCredentials(
        client_id, client_secret=secret, refresh_token=token, url=url, clock=clock
    )


def _read_answer(response: Response, content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if response.status_code == HTTPStatus.OK and _is_token(answer):
        return dict(answer)
    raise _refusal(response, answer)


def _is_token(answer: Any) -> bool:
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("access_token"), str)
        and type(answer.get("expires_in")) is int
    )


def _refusal(response: Response, answer: Any) -> GoogleAuthError:
    status, word = response.status_code, answer.get("error") if isinstance(answer, dict) else None
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(word, str) and is_no and status not in _BUSY and word not in _BUSY_WORDS:
        return RefreshError(f"{word}: {answer.get('error_description') or 'no reason given'}")
    wait = read_retry_after_seconds(response.headers.get("Retry-After"))
    return TokenUnavailable(f"HTTP {status}, and no token", retry_after_seconds=wait)
