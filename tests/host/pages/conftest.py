"""Somebody at a browser: signed in to the host of the test."""

import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import attrs
import pytest
from argon2 import PasswordHasher

from clientflow_core.domain.roles import Role
from tests.host.conftest import Host

EMAIL: Final = "Ada@example.com"
PASSWORD: Final = "correct horse battery staple"
# Cheap on purpose: the tests check the way, not the cost.
_HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@attrs.define(eq=False)
class Browser:
    """Keeps cookies, follows no redirect by itself, and asks for pages."""

    host: Host
    http: aiohttp.ClientSession

    async def open(self, path: str, **more: Any) -> tuple[int, str]:
        """Open a page; give its status and what it holds, or where it leads."""
        return await self._ask("GET", path, **more)

    async def send(self, path: str, **form: str) -> tuple[int, str]:
        """Send a form of the page."""
        return await self._ask("POST", path, data=form)

    async def _ask(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        headers = {"Accept": "text/html", **more.pop("headers", {})}
        async with self.http.request(
            method, path, headers=headers, allow_redirects=False, **more
        ) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def sign_in(self, password: str = PASSWORD, **more: str) -> tuple[int, str]:
        """Sign in."""
        return await self.send("/sign-in", **{"email": EMAIL, "password": password} | more)


def add_user(host: Host, *, email: str = EMAIL, role: Role = Role.OWNER) -> uuid.UUID:
    """Make a user of the organization."""
    [(user_id,)] = host.rows(
        "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), %s, %s)"
        " RETURNING id",
        email,
        _HASH,
    )
    host.rows(
        "INSERT INTO memberships (organization_id, user_id, role) VALUES (%s, %s, %s)",
        host.ours.id,
        user_id,
        role.value,
    )
    found: uuid.UUID = user_id
    return found


@pytest.fixture
async def stranger(host: Host) -> AsyncIterator[Browser]:
    """A browser in which nobody is signed in; there is a user who could be."""
    add_user(host)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(host.assembly.settings.url, cookie_jar=jar) as http:
        yield Browser(host, http)


@pytest.fixture
async def browser(stranger: Browser) -> Browser:
    """A browser in which the owner is signed in."""
    assert await stranger.sign_in() == (303, "/inbox")
    return stranger
