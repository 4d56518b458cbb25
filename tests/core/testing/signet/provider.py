"""Reads the tokens of the issuer."""

import datetime as dt
import json
import math
from http import HTTPStatus
from typing import Any

import aiohttp
import jwt
from typing_extensions import override

from clientflow_core.domain.identities import Assurance, Identity
from clientflow_core.errors import (
    AuthFailed,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from clientflow_core.providers.identity import IdentityProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.secret import Secret
from tests.core.testing.signet.spec import SignetSettings

TIMEOUT = aiohttp.ClientTimeout(total=15)
PAUSE_SECONDS = 30
ALGORITHMS = ["ES256"]
REQUIRED = ["exp", "iss", "aud", "sub"]


class Signet(IdentityProvider):
    def __init__(self, context: ProviderContext, settings: SignetSettings) -> None:
        self._http, self._settings, self._clock = context.http, settings, context.clock
        self._keys: dict[str, jwt.PyJWK] = {}
        # For a key that was not known; the first time does not count.
        self._looked_at = -math.inf

    @override
    async def verify(self) -> str:
        return str((await self._get("/account"))["name"])

    @override
    async def authenticate(self, token: Secret) -> Identity:
        try:
            header = jwt.get_unverified_header(token.reveal())
            key = await self._key(str(header.get("kid")))
            claims = jwt.decode(
                token.reveal(),
                key,
                algorithms=ALGORITHMS,
                audience=self._settings.audience,
                issuer=self._settings.url,
                options={"require": REQUIRED},
            )
            return to_identity(claims)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            msg = "the token is not one of ours"
            raise Unauthenticated(msg) from error

    async def find_user(self, email: str) -> str | None:
        subject: str | None = (await self._get("/users", email=email))["subject"]
        return subject

    async def _key(self, kid: str) -> jwt.PyJWK:
        if not self._keys:
            await self._fetch()
        now = self._clock.now().timestamp()
        if kid not in self._keys and now - self._looked_at > PAUSE_SECONDS:
            self._looked_at = now
            await self._fetch()
        if kid not in self._keys:
            msg = "the token names a key that the issuer does not have"
            raise Unauthenticated(msg)
        return self._keys[kid]

    async def _fetch(self) -> None:
        found = await self._get("/keys")
        self._keys = {one["kid"]: jwt.PyJWK(one) for one in found["keys"]}

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._settings.key.reveal()}"}
        try:
            async with self._http.get(
                self._settings.url + path, params=query, headers=headers, timeout=TIMEOUT
            ) as response:
                body: dict[str, Any] | None = read(await response.read())
                status, wait = response.status, response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            msg = "the issuer does not answer"
            raise ProviderUnavailable(msg) from error
        if status == HTTPStatus.UNAUTHORIZED:
            raise AuthFailed("the key is not known")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited("too fast", retry_after_seconds=float(wait or 1))
        if status != HTTPStatus.OK or body is None:
            raise ProviderUnavailable(f"the issuer answers {status}")
        return body


def read(body: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(body)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def to_identity(claims: dict[str, Any]) -> Identity:
    is_strong = claims.get("aal") == "aal2"
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        expires_at=dt.datetime.fromtimestamp(claims["exp"], dt.UTC),
        email=claims.get("email"),
        is_email_verified=claims.get("email_verified") is True,
        session=claims.get("session_id"),
        assurance=Assurance.MULTI_FACTOR if is_strong else Assurance.SINGLE_FACTOR,
    )
