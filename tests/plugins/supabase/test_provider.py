import asyncio
import base64
import datetime as dt
import json
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.identities import Assurance
from clientflow_core.errors import (
    AuthFailed,
    PluginError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_plugins.supabase.sandbox import SupabaseSandbox
from clientflow_plugins.supabase.settings import SupabaseSettings
from clientflow_plugins.supabase.spec import SUPABASE
from tests.plugins.supabase.conftest import MovedClock, Opening, rotate, token_of

ADA = "ada@example.com"


def signed(sandbox: SupabaseSandbox, **changed: Any) -> Secret:
    """Give a token of the old kind that says something else."""
    token = token_of(sandbox, email=ADA).reveal()
    claims = jwt.decode(token, options={"verify_signature": False}) | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    return Secret(jwt.encode(claims, sandbox.credentials["SUPABASE_JWT_SECRET"], "HS256"))


async def test_token_says_who_it_is_and_how_sure(sandbox: SupabaseSandbox, opened: Opening) -> None:
    async with opened() as issuer:
        token = token_of(sandbox, subject="s1", email=ADA, aal="aal2")
        found = await issuer.authenticate(token)
    assert (found.subject, found.email, found.assurance) == ("s1", ADA, Assurance.MULTI_FACTOR)
    assert found.issuer == f"{sandbox.base_url}/auth/v1"
    assert found.session
    # What the user may write says nothing.
    assert not found.is_email_verified


@pytest.mark.parametrize(
    ("changed", "is_verified"),
    [
        ({}, False),
        ({"email_verified": True}, True),
        ({"email_verified": "true"}, False),
        ({"app_metadata": {"email_verified": True}}, True),
        ({"app_metadata": None}, False),
    ],
)
async def test_address_is_verified_where_the_project_says_so(
    sandbox: SupabaseSandbox, opened: Opening, changed: Mapping[str, Any], is_verified: bool
) -> None:
    async with opened() as issuer:
        found = await issuer.authenticate(signed(sandbox, **changed))
    assert found.is_email_verified is is_verified


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "service_role"},
        {"role": "anon"},
        {"role": None},
        {"is_anonymous": True},
        {"sub": ""},
        {"sub": None},
        {"iat": None},
        {"aud": None},
        {"iss": "https://elsewhere.example/auth/v1"},
        {"exp": 1},
        {"exp": 10**30},
    ],
)
async def test_token_of_nobody_is_refused(
    sandbox: SupabaseSandbox, opened: Opening, changed: Mapping[str, Any]
) -> None:
    async with opened() as issuer:
        with pytest.raises(Unauthenticated):
            await issuer.authenticate(signed(sandbox, **changed))


async def test_both_kinds_of_signature_are_taken_where_the_secret_is_set(
    sandbox: SupabaseSandbox, opened: Opening
) -> None:
    tokens = [token_of(sandbox, signature=kind) for kind in ("key", "secret")]
    async with opened() as issuer:
        assert len({(await issuer.authenticate(token)).subject for token in tokens}) == 1
    async with opened(SUPABASE_JWT_SECRET="") as issuer:
        await issuer.authenticate(tokens[0])
        with pytest.raises(Unauthenticated):
            await issuer.authenticate(tokens[1])


async def test_public_key_is_not_taken_for_a_secret(
    sandbox: SupabaseSandbox, opened: Opening, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{sandbox.base_url}/auth/v1/.well-known/jwks.json") as answer:
        (key,) = (await answer.json())["keys"]
    known = json.dumps(key).encode()
    head = {"alg": "HS256", "typ": "JWT", "kid": key["kid"]}
    claims = jwt.decode(token_of(sandbox).reveal(), options={"verify_signature": False})
    forged = jwt.encode(claims, base64.b64encode(known).decode(), "HS256", headers=head)
    async with opened() as issuer:
        await issuer.authenticate(token_of(sandbox))
        with pytest.raises(Unauthenticated):
            await issuer.authenticate(Secret(forged))


async def test_many_tokens_at_once_ask_for_the_keys_once(
    sandbox: SupabaseSandbox, opened: Opening
) -> None:
    async with opened() as issuer:
        await asyncio.gather(*(issuer.authenticate(token_of(sandbox)) for _ in range(10)))
    assert sandbox.calls_seen == 1


async def test_unknown_key_is_asked_for_again_after_a_while(
    sandbox: SupabaseSandbox, opened: Opening, clock: MovedClock
) -> None:
    async with opened() as issuer:
        await issuer.authenticate(token_of(sandbox))
        rotate(sandbox)
        await issuer.authenticate(token_of(sandbox))
        rotate(sandbox)
        token = token_of(sandbox)
        with pytest.raises(Unauthenticated):
            await issuer.authenticate(token)
        clock.by += dt.timedelta(seconds=31)
        await issuer.authenticate(token)
    assert sandbox.calls_seen == 3


async def test_key_that_was_taken_back_is_not_believed_for_long(
    sandbox: SupabaseSandbox, opened: Opening, clock: MovedClock
) -> None:
    async with opened() as issuer:
        token = token_of(sandbox)
        await issuer.authenticate(token)
        sandbox.clear()
        await issuer.authenticate(token)
        clock.by += dt.timedelta(minutes=11)
        with pytest.raises(Unauthenticated):
            await issuer.authenticate(token)


async def test_known_keys_go_on_to_count_while_nobody_answers(
    sandbox: SupabaseSandbox, opened: Opening, clock: MovedClock
) -> None:
    async with opened() as issuer:
        token = token_of(sandbox)
        await issuer.authenticate(token)
        sandbox.faults.call = CallFault(calls=100, answer=Answer.UNAVAILABLE)
        clock.by += dt.timedelta(minutes=11)
        for _ in range(5):
            await issuer.authenticate(token)
    assert sandbox.calls_seen == 2


async def test_users_are_found_by_their_confirmed_address_alone(
    sandbox: SupabaseSandbox, opened: Opening
) -> None:
    token_of(sandbox, subject="s1", email=f"x{ADA}")
    token_of(sandbox, subject="s2", email=ADA)
    token_of(sandbox, subject="s3", email="grace@example.com", confirmed="no")
    async with opened() as issuer:
        assert await issuer.find_user("Ada@Example.com") == "s2"
        assert await issuer.find_user("grace@example.com") is None
        assert await issuer.find_user("nobody@example.com") is None


async def test_users_are_found_on_later_pages(sandbox: SupabaseSandbox, opened: Opening) -> None:
    for count in range(60):
        token_of(sandbox, subject=f"s{count}", email=f"{count}{ADA}")
    token_of(sandbox, subject="her", email=ADA)
    async with opened() as issuer:
        assert await issuer.find_user(ADA) == "her"


async def test_search_for_a_user_ends(sandbox: SupabaseSandbox, opened: Opening) -> None:
    for count in range(260):
        token_of(sandbox, subject=f"s{count}", email=f"{count}{ADA}")
    async with opened() as issuer:
        assert await issuer.find_user(ADA) is None
    assert sandbox.calls_seen == 5


async def test_without_the_secret_key_nobody_is_looked_up(opened: Opening) -> None:
    async with opened(SUPABASE_SECRET_KEY="") as issuer:
        with pytest.raises(AuthFailed, match="SUPABASE_SECRET_KEY"):
            await issuer.find_user(ADA)


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        ({}, ["/settings", "/admin/users"]),
        ({"SUPABASE_SECRET_KEY": ""}, ["/settings"]),
        ({"SUPABASE_SECRET_KEY": "", "SUPABASE_PUBLISHABLE_KEY": ""}, ["/.well-known/jwks.json"]),
    ],
)
async def test_verify_asks_with_each_key(
    sandbox: SupabaseSandbox, opened: Opening, changed: Mapping[str, str], paths: list[str]
) -> None:
    async with opened(**changed) as issuer:
        assert await issuer.verify() in sandbox.base_url
    asked = [call.path.partition("?")[0].partition("/auth/v1")[2] for call in sandbox.calls]
    assert asked == paths


@pytest.mark.parametrize(
    ("answer", "kind"), [(Answer.RATE_LIMITED, RateLimited), (Answer.HTML, ProviderUnavailable)]
)
async def test_answer_that_is_none_is_told(
    sandbox: SupabaseSandbox, opened: Opening, answer: Answer, kind: type[Exception]
) -> None:
    sandbox.faults.call = CallFault(calls=1, answer=answer)
    async with opened() as issuer:
        with pytest.raises(kind):
            await issuer.verify()


async def asked_of(http: aiohttp.ClientSession, keys: object, token: Secret) -> None:
    """Let the keys be what a server gives."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(keys)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        values = {"SUPABASE_URL": str(server.make_url("")).rstrip("/")}
        settings = load_settings(SupabaseSettings, values)
        async with SUPABASE.open(ProviderContext(http=http), settings) as issuer:
            await issuer.authenticate(token)


@pytest.mark.parametrize("keys", [[], {}, {"keys": None}, {"keys": "none"}])
async def test_list_of_keys_that_is_none_is_unavailable(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, keys: object
) -> None:
    with pytest.raises(ProviderUnavailable):
        await asked_of(http, keys, token_of(sandbox))


@pytest.mark.parametrize(
    "key",
    [
        None,
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": 7},
    ],
)
async def test_key_that_tokens_are_not_signed_with_is_passed_over(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, key: Any
) -> None:
    token = token_of(sandbox)
    kid = jwt.get_unverified_header(token.reveal())["kid"]
    listed = [key if key is None else {**key, "kid": kid}, {"kty": "EC"}]
    with pytest.raises(Unauthenticated, match="does not have"):
        await asked_of(http, {"keys": listed}, token)


async def test_token_that_is_too_long_is_not_looked_at(
    sandbox: SupabaseSandbox, opened: Opening
) -> None:
    async with opened() as issuer:
        with pytest.raises(Unauthenticated, match="too long"):
            await issuer.authenticate(Secret("e" * 20_000))


async def test_opening_without_pyjwt_says_what_to_install(
    sandbox: SupabaseSandbox, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.supabase.provider", None)
    settings = load_settings(SupabaseSettings, sandbox.settings())
    with pytest.raises(PluginError, match=r"clientflow\[supabase\]"):
        async with SUPABASE.open(ProviderContext(http=http), settings):
            pass
