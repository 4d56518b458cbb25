"""The calls to Supabase Auth, on the process's one HTTP session."""

import json
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from clientflow_core.errors import ProviderUnavailable
from clientflow_plugins.supabase.errors import BadAnswer, map_error
from clientflow_plugins.supabase.settings import SupabaseSettings, auth_url

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, connect=3)


class AuthApi:
    """Asks one project.

    Args:
        http: the shared session.
        settings: the project.
    """

    def __init__(self, http: aiohttp.ClientSession, settings: SupabaseSettings) -> None:
        self._http, self._base = http, auth_url(settings)

    async def get(self, path: str, *, key: str | None = None, **query: str) -> dict[str, Any]:
        """Give the object that is at *path*.

        Args:
            path: below ``/auth/v1``.
            key: with which it is asked; None for what everybody may read.
            query: of the address.

        Raises:
            AuthFailed: the key is not one of the project's, or may not do this.
            RateLimited, ProviderUnavailable: there is no answer, or none that can be read.
        """
        # A new key is no token: as one it is taken only where both headers are the same,
        # https://supabase.com/docs/guides/api/api-keys
        headers = {"apikey": key, "Authorization": f"Bearer {key}"} if key else {}
        try:
            found = json.loads(await self._read(path, headers, query))
        except (aiohttp.ClientError, OSError, ValueError, RecursionError, BadAnswer) as error:
            raise map_error(error) from error
        if not isinstance(found, dict):
            msg = f"Supabase answers {type(found).__name__} where an object is due"
            raise ProviderUnavailable(msg)
        return found

    async def _read(self, path: str, headers: dict[str, str], query: dict[str, str]) -> bytes:
        async with self._http.get(
            self._base + path,
            params=query,
            headers=headers,
            timeout=_TIMEOUT,
            # Nobody else is to be sent the key.
            allow_redirects=False,
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise BadAnswer(answer.status, answer.headers.get("Retry-After", ""))
            return await answer.read()
