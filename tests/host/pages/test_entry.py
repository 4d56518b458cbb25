"""Signing in and out."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from clientflow_core.secret import Secret
from clientflow_host.assembly import ASSEMBLY, assemble
from clientflow_host.middleware.sessions import set_session
from tests.host.pages.conftest import EMAIL, Browser


async def test_a_stranger_is_led_to_the_sign_in_and_then_on(stranger: Browser) -> None:
    assert await stranger.open("/contacts?q=ada") == (303, "/sign-in?next=/contacts?q%3Dada")
    status, page = await stranger.open("/sign-in?next=/contacts%3Fq%3Dada")
    assert status == 200
    assert 'name="next" value="/contacts?q=ada"' in page
    assert await stranger.sign_in(next="/contacts?q=ada") == (303, "/contacts?q=ada")
    assert (await stranger.open("/contacts?q=ada"))[0] == 200
    assert await stranger.open("/sign-in") == (303, "/inbox")


@pytest.mark.parametrize(
    "goal", ["", "//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\nb"]
)
async def test_the_sign_in_leads_to_no_other_site(stranger: Browser, goal: str) -> None:
    assert await stranger.sign_in(next=goal) == (303, "/inbox")


async def test_a_wrong_password_and_an_unknown_address_are_told_alike(stranger: Browser) -> None:
    status, wrong = await stranger.sign_in("wrong")
    assert status == 401
    assert "The address or the password is wrong." in wrong
    assert f'value="{EMAIL}"' in wrong
    status, unknown = await stranger.sign_in(email="nobody@example.com")
    assert status == 401
    assert unknown == wrong.replace(EMAIL, "nobody@example.com")
    assert (await stranger.sign_in("x" * 2000))[0] == 401
    assert (await stranger.open("/inbox"))[0] == 303


async def test_the_address_is_the_same_in_upper_and_lower_case(stranger: Browser) -> None:
    assert (await stranger.sign_in(email=f" {EMAIL.upper()} "))[0] == 303


async def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: Browser) -> None:
    form = {"email": EMAIL, "password": "correct horse battery staple"}
    async with stranger.http.post("/sign-in", data=form, allow_redirects=False) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    [(kept,)] = stranger.host.rows("SELECT encode(token_hash, 'hex') FROM user_sessions")
    assert kept not in cookie


async def test_signing_out_ends_the_session_on_the_server(browser: Browser) -> None:
    token = next(iter(browser.http.cookie_jar)).value
    assert await browser.send("/sign-out") == (303, "/sign-in")
    assert browser.host.count("user_sessions") == 0
    headers = {"Cookie": f"session={token}"}
    assert (await browser.open("/inbox", headers=headers))[0] == 303
    assert await browser.send("/sign-out") == (303, "/sign-in")


async def test_who_is_signed_in_is_led_from_the_home_page_to_the_inbox(browser: Browser) -> None:
    assert await browser.open("/") == (303, "/inbox")
    await browser.send("/sign-out")
    status, page = await browser.open("/")
    assert status == 200
    assert 'href="/sign-in"' in page


async def test_a_session_ends_by_itself(browser: Browser) -> None:
    browser.host.rows("UPDATE user_sessions SET expires_at = now()")
    assert (await browser.open("/inbox"))[0] == 303


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_a_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    for path in ("/sign-in", "/sign-out", "/inbox/cnv_x"):
        async with browser.http.post(
            path, data={}, headers=headers | {"Accept": "text/html"}
        ) as answer:
            assert answer.status == 403
            assert "another site" in await answer.text()
    assert browser.host.count("user_sessions") == 1


async def test_behind_tls_the_cookie_is_bound_to_the_host(values: dict[str, str]) -> None:
    async with assemble(values | {"CLIENTFLOW_PUBLIC_URL": "https://cf.example"}) as assembly:
        app = web.Application()
        app[ASSEMBLY] = assembly
        request = make_mocked_request("GET", "/", app=app)
        response = web.Response()
        set_session(request, response, Secret("token"))
    assert "__Host-session" in response.cookies
    assert response.cookies["__Host-session"]["secure"]
