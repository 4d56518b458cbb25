"""The public keys by which the project's tokens are checked: kept, and asked for again seldom."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import jwt

from clientflow_core.clock import Clock
from clientflow_core.errors import ProviderUnavailable
from clientflow_plugins.supabase.api import AuthApi

ALGORITHMS: Final = ("ES256", "RS256")
# As long as Supabase itself keeps them: a key that was taken back is believed no longer than that.
# https://supabase.com/docs/guides/auth/signing-keys
_FRESH: Final = dt.timedelta(minutes=10)
_PAUSE: Final = dt.timedelta(seconds=30)
_LONG_AGO: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
_MOST_KEYS: Final = 20


class SigningKeys:
    """The keys of one project, by their names.

    Args:
        api: asks the project.
        clock: tells how old they are.
    """

    def __init__(self, api: AuthApi, *, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at = self._looked_at = _LONG_AGO
        self._lock = asyncio.Lock()

    async def find(self, name: str) -> jwt.PyJWK | None:
        """Give the key *name*; None if the project has none of that name.

        An unknown one is asked for at once the first time, and then once in a while.

        Raises:
            ProviderUnavailable: no keys are known, and they cannot be had now.
        """
        if name not in self._keys or self._is_old():
            async with self._lock:
                await self._refresh(name)
        return self._keys.get(name)

    async def _refresh(self, name: str) -> None:
        if not self._keys:
            await self._fetch()
        elif self._is_old():
            await self._fetch_or_keep()
        now = self._clock.now()
        if name not in self._keys and now - self._looked_at > _PAUSE:
            self._looked_at = now
            await self._fetch_or_keep()

    async def _fetch_or_keep(self) -> None:
        """Ask for the keys; those that are known go on to count where nobody answers."""
        try:
            await self._fetch()
        except ProviderUnavailable:
            # Asked again after a pause, not by every token.
            self._asked_at = self._clock.now() - _FRESH + _PAUSE

    async def _fetch(self) -> None:
        found = await self._api.get("/.well-known/jwks.json")
        listed = found.get("keys")
        if not isinstance(listed, list):
            msg = "Supabase answers something that is no list of keys"
            raise ProviderUnavailable(msg)
        self._keys = dict(filter(None, map(_read, listed[:_MOST_KEYS])))
        self._asked_at = self._clock.now()

    def _is_old(self) -> bool:
        return self._clock.now() - self._asked_at > _FRESH


def _read(found: Any) -> tuple[str, jwt.PyJWK] | None:
    """Give a key and its name; None for one that tokens are not signed with."""
    if not isinstance(found, dict) or not isinstance(found.get("kid"), str):
        return None
    try:
        key = jwt.PyJWK(found)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return (found["kid"], key) if key.algorithm_name in ALGORITHMS else None
