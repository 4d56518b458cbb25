"""What an operator sets for Supabase, by the old names of its keys and by the new ones.

Keys: https://supabase.com/docs/guides/api/api-keys. The old ones are JSON web tokens that say of
themselves what they may do; the new ones begin with it.
"""

import base64
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

_URL: Final = r"https?://[^\s/?#@]+(/[^\s?#]*)?"
_JWT: Final = r"eyJ[\w-]+\.[\w-]+\.[\w-]+"
_PUBLIC_KEY: Final = rf"{_JWT}|sb_publishable_[\w-]+"
_SECRET_KEY: Final = rf"{_JWT}|sb_secret_[\w-]+"
_CONSOLE: Final = "https://supabase.com/dashboard/project/_/settings/api-keys"
# https://www.rfc-editor.org/rfc/rfc7518#section-3.2: as long as the hash, at the least.
SHORTEST_SECRET_BYTES: Final = 32
SERVICE_ROLE: Final = "service_role"


@attrs.frozen(kw_only=True)
class SupabaseSettings:
    """The project whose users are recognized."""

    url: str = setting(
        env="SUPABASE_URL",
        help="the project's address",
        pattern=_URL,
        example="https://abcdefghijklmnopqrst.supabase.co",
        console_url=_CONSOLE,
    )
    anon_key: Secret | None = setting(
        env="SUPABASE_ANON_KEY",
        help="the key that pages may show; the old name of SUPABASE_PUBLISHABLE_KEY",
        default=None,
        pattern=_PUBLIC_KEY,
        console_url=_CONSOLE,
    )
    publishable_key: Secret | None = setting(
        env="SUPABASE_PUBLISHABLE_KEY",
        help="the key that pages may show",
        default=None,
        pattern=_PUBLIC_KEY,
        console_url=_CONSOLE,
    )
    service_role_key: Secret | None = setting(
        env="SUPABASE_SERVICE_ROLE_KEY",
        help="the key that may do everything; the old name of SUPABASE_SECRET_KEY",
        default=None,
        pattern=_SECRET_KEY,
        console_url=_CONSOLE,
    )
    secret_key: Secret | None = setting(
        env="SUPABASE_SECRET_KEY",
        help="the key that may do everything; to look users up by their addresses",
        default=None,
        pattern=_SECRET_KEY,
        console_url=_CONSOLE,
    )
    jwt_secret: Secret | None = setting(
        env="SUPABASE_JWT_SECRET",
        help="the old shared secret, where tokens are still signed with it (HS256)",
        default=None,
        console_url="https://supabase.com/dashboard/project/_/settings/jwt",
    )
    page_url: str | None = setting(
        env="NEXT_PUBLIC_SUPABASE_URL",
        help="the same as SUPABASE_URL, where pages read it",
        default=None,
        pattern=_URL,
    )
    page_key: str | None = setting(
        env="NEXT_PUBLIC_SUPABASE_ANON_KEY",
        help="the same as SUPABASE_ANON_KEY, where pages read it",
        default=None,
        pattern=_PUBLIC_KEY,
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each rule that the values break together."""
        yield from _two_names(self)
        yield from _roles(self)
        if self.jwt_secret and len(self.jwt_secret.reveal().encode()) < SHORTEST_SECRET_BYTES:
            yield SettingProblem(
                "SUPABASE_JWT_SECRET", f"is shorter than {SHORTEST_SECRET_BYTES} bytes: guessable"
            )
        if self.page_url and self.page_url.rstrip("/") != self.url.rstrip("/"):
            yield SettingProblem("NEXT_PUBLIC_SUPABASE_URL", "is not the same as SUPABASE_URL")


def public_key(settings: SupabaseSettings) -> str | None:
    """Give the key that pages may show, by whichever name it is set."""
    key = settings.publishable_key or settings.anon_key
    return key.reveal() if key else None


def admin_key(settings: SupabaseSettings) -> str | None:
    """Give the key that may do everything, by whichever name it is set."""
    key = settings.secret_key or settings.service_role_key
    return key.reveal() if key else None


def auth_url(settings: SupabaseSettings) -> str:
    """Give the address of the project's issuer, which its tokens name."""
    return f"{settings.url.rstrip('/')}/auth/v1"


def host_of(settings: SupabaseSettings) -> str:
    """Name the project by its host."""
    return urlsplit(settings.url).netloc


def is_legacy(key: str) -> bool:
    """Tell whether *key* is of the old kind, which Supabase gives up at the end of 2026."""
    return key.startswith("eyJ")


def role_of(key: str) -> str | None:
    """Give what an old key says that it may do; None of a new one, and of what is none."""
    try:
        part = key.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) else None


def _two_names(settings: SupabaseSettings) -> Iterator[SettingProblem]:
    hint = "set one of the two"
    if _differ(settings.anon_key, settings.publishable_key):
        problem = "is not the same as SUPABASE_PUBLISHABLE_KEY"
        yield SettingProblem("SUPABASE_ANON_KEY", problem, hint)
    if _differ(settings.service_role_key, settings.secret_key):
        problem = "is not the same as SUPABASE_SECRET_KEY"
        yield SettingProblem("SUPABASE_SERVICE_ROLE_KEY", problem, hint)


def _differ(one: Secret | None, other: Secret | None) -> bool:
    return bool(one and other and one.reveal() != other.reveal())


def _roles(settings: SupabaseSettings) -> Iterator[SettingProblem]:
    shown = {
        "SUPABASE_ANON_KEY": settings.anon_key and settings.anon_key.reveal(),
        "SUPABASE_PUBLISHABLE_KEY": settings.publishable_key and settings.publishable_key.reveal(),
        "NEXT_PUBLIC_SUPABASE_ANON_KEY": settings.page_key,
    }
    for env, key in shown.items():
        if key and role_of(key) == SERVICE_ROLE:
            yield SettingProblem(env, "is the key that may do everything: pages would show it")
    key = admin_key(settings)
    if key and is_legacy(key) and role_of(key) not in {SERVICE_ROLE, None}:
        env = "SUPABASE_SECRET_KEY" if settings.secret_key else "SUPABASE_SERVICE_ROLE_KEY"
        yield SettingProblem(env, "is the key that pages show: it may look nobody up")
