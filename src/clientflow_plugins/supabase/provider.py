"""The issuer itself: reads its tokens, and asks it about people.

Claims: https://supabase.com/docs/guides/auth/jwt-fields.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import jwt
from typing_extensions import override

from clientflow_core.domain.identities import Assurance, Identity
from clientflow_core.errors import AuthFailed, Unauthenticated
from clientflow_core.providers.identity import IdentityProvider, SupportsUserLookup
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.secret import Secret
from clientflow_plugins.supabase.api import AuthApi
from clientflow_plugins.supabase.keys import SigningKeys
from clientflow_plugins.supabase.settings import (
    SupabaseSettings,
    admin_key,
    auth_url,
    host_of,
    public_key,
)

# Also the audience: https://supabase.com/docs/guides/auth/jwts
_AUTHENTICATED: Final = "authenticated"
_SHARED: Final = "HS256"
_LEEWAY_SECONDS: Final = 30
_LONGEST_TOKEN: Final = 16 * 1024
_REQUIRED: Final = ("exp", "iat", "sub", "aud", "iss")
_PAGE, _MOST_PAGES = 50, 5


class SupabaseIdentities(IdentityProvider, SupportsUserLookup):
    """Recognizes the users of one project.

    Args:
        context: lends the HTTP session.
        settings: the project.
    """

    def __init__(self, context: ProviderContext, settings: SupabaseSettings) -> None:
        self._settings = settings
        self._api = AuthApi(context.http, settings)
        self._keys = SigningKeys(self._api, clock=context.clock)

    @override
    async def verify(self) -> str:
        """Ask with each key that is set what it is for, and give the project's host.

        Raises:
            AuthFailed: a key is not one of the project's.
            RateLimited, ProviderUnavailable: Supabase did not answer.
        """
        shown, admin = public_key(self._settings), admin_key(self._settings)
        if shown:
            await self._api.get("/settings", key=shown)
        if admin:
            await self._api.get("/admin/users", key=admin, page="1", per_page="1")
        if not (shown or admin):
            await self._api.get("/.well-known/jwks.json")
        return host_of(self._settings)

    @override
    async def authenticate(self, token: Secret) -> Identity:
        """Tell whose *token* it is: one that the project has given a user who has signed in.

        Raises:
            Unauthenticated: it is forged, expired, for somebody else, or of nobody in particular.
            ProviderUnavailable: the project's keys cannot be had now.
        """
        text = token.reveal()
        if len(text) > _LONGEST_TOKEN:
            raise Unauthenticated("the token is too long to be one")
        try:
            return _to_identity(await self._claims(text))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            msg = f"the token is not one of this project's users ({type(error).__name__})"
            raise Unauthenticated(msg) from error

    @override
    async def find_user(self, email: str) -> str | None:
        """Give the subject of the user whose confirmed address is *email*.

        Raises:
            AuthFailed: no key is set that may look people up, or it is wrong.
            RateLimited, ProviderUnavailable: Supabase did not answer.
        """
        key = admin_key(self._settings)
        if key is None:
            raise AuthFailed("users are looked up with SUPABASE_SECRET_KEY, which is not set")
        wanted = email.lower()
        for page in range(1, _MOST_PAGES + 1):
            # Gives whoever has it anywhere in the address or the name: compared here once more.
            found = await self._api.get(
                "/admin/users", key=key, filter=wanted, page=str(page), per_page=str(_PAGE)
            )
            users = [one for one in found.get("users") or () if isinstance(one, dict)]
            for user in users:
                if _has_address(user, wanted):
                    return str(user["id"])
            if len(users) < _PAGE:
                return None
        return None

    async def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        secret = self._settings.jwt_secret
        if header.get("alg") == _SHARED and secret is not None:
            # With this one algorithm: a public key must never be taken for a shared secret.
            return self._decode(token, secret.reveal(), _SHARED)
        key = await self._keys.find(str(header.get("kid")))
        if key is None:
            raise Unauthenticated("the token names a key that the project does not have")
        return self._decode(token, key, key.algorithm_name)

    def _decode(self, token: str, key: Any, algorithm: str) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=_AUTHENTICATED,
            issuer=auth_url(self._settings),
            leeway=_LEEWAY_SECONDS,
            options={"require": list(_REQUIRED)},
        )


def _to_identity(claims: Mapping[str, Any]) -> Identity:
    if claims.get("role") != _AUTHENTICATED or claims.get("is_anonymous") is True:
        raise Unauthenticated("the token is of nobody who has shown who they are")
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject:
        raise Unauthenticated("the token names nobody")
    is_strong = claims.get("aal") == "aal2"
    return Identity(
        issuer=claims["iss"],
        subject=subject,
        expires_at=dt.datetime.fromtimestamp(claims["exp"], dt.UTC),
        email=_text(claims.get("email")),
        is_email_verified=_is_verified(claims),
        session=_text(claims.get("session_id")),
        assurance=Assurance.MULTI_FACTOR if is_strong else Assurance.SINGLE_FACTOR,
    )


def _is_verified(claims: Mapping[str, Any]) -> bool:
    # Never user_metadata, which has a claim of this name: users write to it themselves,
    # https://supabase.com/docs/guides/auth/managing-user-data
    ours = claims.get("app_metadata")
    return claims.get("email_verified") is True or (
        isinstance(ours, dict) and ours.get("email_verified") is True
    )


def _has_address(user: Mapping[str, Any], wanted: str) -> bool:
    address, is_confirmed = user.get("email"), bool(user.get("email_confirmed_at"))
    return isinstance(address, str) and address.lower() == wanted and is_confirmed


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
