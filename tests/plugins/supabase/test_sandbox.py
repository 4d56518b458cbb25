"""The stand-in refuses what Supabase refuses."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from clientflow_core.errors import InvalidInput
from clientflow_plugins.supabase.sandbox import SupabaseSandbox
from tests.plugins.supabase.conftest import token_of


async def get(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
) -> tuple[int, Any]:
    async with http.get(f"{sandbox.base_url}/auth/v1{path}", headers=headers) as answer:
        return answer.status, await answer.json()


async def test_keys_are_public_and_hold_no_private_part(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession
) -> None:
    status, body = await get(sandbox, http, "/.well-known/jwks.json", {})
    (key,) = body["keys"]
    assert (status, key["alg"], "d" in key) == (200, "ES256", False)


@pytest.mark.parametrize("path", ["/settings", "/admin/users"])
async def test_strangers_are_refused(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, path: str
) -> None:
    key = sandbox.credentials["SUPABASE_SECRET_KEY"]
    for headers, words in (
        ({}, "No API key found in request"),
        ({"apikey": "sb_secret_x"}, "Invalid API key"),
        ({"apikey": key, "Authorization": "Bearer other"}, "Invalid API key"),
    ):
        status, body = await get(sandbox, http, path, headers)
        assert (status, body["message"]) == (401, words)


async def test_publishable_key_lists_nobody(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession
) -> None:
    headers = {"apikey": sandbox.credentials["SUPABASE_PUBLISHABLE_KEY"]}
    status, body = await get(sandbox, http, "/admin/users", headers)
    assert (status, body["error_code"]) == (401, "no_authorization")


@pytest.mark.parametrize("query", ["email=a", "page=0", "page=x", "per_page=1001"])
async def test_unknown_and_malformed_parameters_are_refused(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, query: str
) -> None:
    headers = {"apikey": sandbox.credentials["SUPABASE_SECRET_KEY"]}
    status, body = await get(sandbox, http, f"/admin/users?{query}", headers)
    assert (status, body["error_code"]) == (400, "validation_failed")


def test_lifetime_that_is_no_number_is_refused() -> None:
    box = SupabaseSandbox(
        base_url="http://x", host_url="http://x", credentials=SupabaseSandbox.new_credentials()
    )
    with pytest.raises(InvalidInput):
        token_of(box, lifetime_seconds="long")
