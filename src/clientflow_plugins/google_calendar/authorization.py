"""How a user lets us use their calendars: Google's pages, and what comes back from them.

https://developers.google.com/identity/protocols/oauth2/web-server has the parameters, and how a
consent is taken back. No SDK is needed: google-auth has no consent flow, and two forms are posted.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from clientflow_core.errors import (
    AuthFailed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RejectedInput,
)
from clientflow_core.providers.authorization import (
    AuthorizationGrant,
    AuthorizationRequest,
    AuthorizationSpec,
)
from clientflow_core.providers.retry_after import read_retry_after_seconds
from clientflow_plugins.google_calendar.settings import (
    REFRESH_TOKEN_ENV,
    SCOPES,
    GoogleCalendarSettings,
)

CODE_GRANT: Final = "authorization_code"
AUTHORIZATION_PATH: Final = "/o/oauth2/v2/auth"
_ASKING_URL: Final = "https://accounts.google.com"
_TOKENS_URL: Final = "https://oauth2.googleapis.com"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=3)
_MEANINGS: Final = {
    SCOPES[0]: "to see the list of calendars",
    SCOPES[1]: "to see and edit events",
    SCOPES[2]: "to see when calendars are taken",
}
# What the form lacks, or whose it is, is for the operator to mend.
_OF_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client", "redirect_uri_mismatch"})


def is_set_up(settings: GoogleCalendarSettings) -> bool:
    """Whether there is an OAuth client that users can consent to."""
    return bool(settings.client_id and settings.client_secret)


def authorization_url(settings: GoogleCalendarSettings, request: AuthorizationRequest) -> str:
    """Give the page that asks for access which lasts when nobody is there."""
    query = {
        "client_id": settings.client_id or "",
        "redirect_uri": request.redirect_uri,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "access_type": "offline",
        # Or whoever has consented before is given no refresh token.
        "prompt": "consent",
        "state": request.state,
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256",
    }
    return f"{_base(settings, _ASKING_URL)}{AUTHORIZATION_PATH}?{urlencode(query)}"


async def exchange(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings, grant: AuthorizationGrant
) -> Mapping[str, str]:
    """Give the refresh token, which is all that is kept of a consent.

    Raises:
        RejectedInput: the code is used, too old, or was asked for by somebody else.
        ProviderRefused: the consent does not last, or lacks a part; then it is taken back.
        AuthFailed: Google refuses the OAuth client.
        ProviderUnavailable: Google did not answer.
    """
    form = {
        "grant_type": CODE_GRANT,
        "client_id": settings.client_id or "",
        "client_secret": settings.client_secret.reveal() if settings.client_secret else "",
        "code": grant.code.reveal(),
        "code_verifier": grant.code_verifier.reveal(),
        "redirect_uri": grant.redirect_uri,
    }
    answer = await _post(http, f"{_base(settings, _TOKENS_URL)}/token", form)
    token = answer.get("refresh_token")
    if not isinstance(token, str) or not token:
        msg = (
            "Google gave no access that lasts. Take this app out of your Google account, under"
            " “Third-party apps and services”, and connect again"
        )
        raise ProviderRefused(msg, provider_code="no_refresh_token")
    missing = [scope for scope in SCOPES if scope not in str(answer.get("scope", "")).split()]
    if missing:
        await _revoke(http, settings, token)
        what = ", ".join(_MEANINGS[scope] for scope in missing)
        msg = f"you did not allow everything that is needed; missing is: {what}. Connect again"
        raise ProviderRefused(msg, provider_code="missing_scope")
    return {REFRESH_TOKEN_ENV: token}


async def revoke(http: aiohttp.ClientSession, settings: GoogleCalendarSettings) -> None:
    """Take the consent back at Google; settings without one have nothing to take back.

    Raises:
        ProviderUnavailable: Google did not answer.
    """
    if settings.refresh_token is not None:
        await _revoke(http, settings, settings.refresh_token.reveal())


async def _revoke(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings, token: str
) -> None:
    try:
        await _post(http, f"{_base(settings, _TOKENS_URL)}/revoke", {"token": token})
    except ProviderRefused as error:
        # It was taken back already, or has ended by itself.
        if error.provider_code != "invalid_token":
            raise


def _base(settings: GoogleCalendarSettings, url: str) -> str:
    return settings.api_base_url.rstrip("/") if settings.api_base_url else url


async def _post(http: aiohttp.ClientSession, url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Post a form, and give the object that is answered; nobody else is sent the secrets."""
    try:
        async with http.post(url, data=form, timeout=_TIMEOUT, allow_redirects=False) as response:
            status, content = response.status, await response.read()
            wait = read_retry_after_seconds(response.headers.get("Retry-After"))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        msg = f"Google did not answer ({type(error).__name__})"
        raise ProviderUnavailable(msg) from error
    # What is taken back is answered by nothing at all.
    answer = _read_object(content or b"{}")
    if status == HTTPStatus.OK and answer is not None:
        return answer
    raise _refusal(status, answer or {}, wait_seconds=wait)


def _read_object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refusal(
    status: int, answer: Mapping[str, Any], *, wait_seconds: float | None
) -> ProviderError:
    word = answer.get("error")
    if status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED} or not isinstance(word, str):
        msg = f"Google answered HTTP {status}, and nothing that can be used"
        return ProviderUnavailable(msg, retry_after_seconds=wait_seconds)
    told = f"{word}: {answer.get('error_description') or 'no reason given'}"
    if word in _OF_CLIENT:
        return AuthFailed(told, provider_code=word)
    if word == "invalid_grant":
        msg = "what Google sent back is used already, or too old. Connect again"
        return RejectedInput(msg, provider_code=word)
    return ProviderRefused(told, provider_code=word)


AUTHORIZATION: Final = AuthorizationSpec(
    is_set_up=is_set_up, authorization_url=authorization_url, exchange=exchange, revoke=revoke
)
