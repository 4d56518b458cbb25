"""What Mozilla's Observatory would give our pages, by its own table, for their real headers."""

import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Final

import aiohttp
import attrs
import pytest

from clientflow_host.openapi import load_all
from clientflow_host.pages import CHAPTERS
from tests.host.conftest import Host
from tests.host.pages.conftest import PASSWORD, add_user

pytestmark = [
    pytest.mark.proves("SI3"),
    pytest.mark.parametrize(
        "values", [{"CLIENTFLOW_PUBLIC_URL": "https://clientflow.example.com"}], indirect=True
    ),
]
GOAL: Final = 150
# https://github.com/mdn/mdn-http-observatory/blob/main/src/grader/charts.js; what is measured
# only over its own requests (redirects, preloading) is 0 for a site that answers over TLS alone.
NO_POLICY: Final = -25
UNSAFE: Final = -20
STRICT_POLICY: Final = 10
SIX_MONTHS: Final = 15_768_000
PRIVATE: Final = {
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
}


@attrs.frozen
class Page:
    """A page as a browser has it."""

    headers: Mapping[str, str]
    html: str

    @property
    def policy(self) -> dict[str, list[str]]:
        """The directives of its policy."""
        parts = self.headers.get("Content-Security-Policy", "").split(";")
        words = [part.split() for part in parts if part.strip()]
        return {name: values for name, *values in words}


def policy_score(page: Page) -> int:
    if not page.policy:
        return NO_POLICY
    scripts = page.policy.get("script-src", page.policy["default-src"])
    styles = page.policy.get("style-src", page.policy["default-src"])
    if {"'unsafe-inline'", "'unsafe-eval'", "data:", "https:", "*"} & {*scripts, *styles}:
        return UNSAFE
    is_closed = page.policy["form-action"] in (["'self'"], ["'none'"])
    return STRICT_POLICY if page.policy["default-src"] == ["'none'"] and is_closed else 5


def transport_score(page: Page) -> int:
    found = re.search(r"max-age=(\d+)", page.headers.get("Strict-Transport-Security", ""))
    if found is None:
        return -20
    return 0 if int(found[1]) >= SIX_MONTHS else -10


def framing_score(page: Page) -> int:
    if "*" not in page.policy.get("frame-ancestors", ["*"]):
        return 5
    return 0 if page.headers.get("X-Frame-Options") in {"DENY", "SAMEORIGIN"} else -20


def isolation_score(page: Page) -> int:
    wanted = {
        "Cross-Origin-Resource-Policy": {"same-origin", "same-site"},
        "Cross-Origin-Opener-Policy": {"same-origin"},
        "Cross-Origin-Embedder-Policy": {"require-corp", "credentialless"},
    }
    return sum(10 for name, good in wanted.items() if page.headers.get(name) in good)


def cookie_score(page: Page) -> int:
    cookies = SimpleCookie(page.headers.get("Set-Cookie", "")).values()
    if not cookies:
        return 0
    return (
        5 if all(one["secure"] and one["samesite"] in {"Lax", "Strict"} for one in cookies) else -20
    )


def script_score(page: Page) -> int:
    sources = re.findall(r"<script[^>]*\bsrc=\"([^\"]+)\"", page.html)
    return 0 if all(re.match(r"/(?!/)", source) for source in sources) else -50


def score(page: Page) -> int:
    modifiers = [
        policy_score(page),
        transport_score(page),
        framing_score(page),
        isolation_score(page),
        cookie_score(page),
        script_score(page),
        5 if page.headers.get("Referrer-Policy") in PRIVATE else 0,
        0 if page.headers.get("X-Content-Type-Options") == "nosniff" else -5,
        -50 if "Access-Control-Allow-Origin" in page.headers else 0,
    ]
    base = 100 + sum(one for one in modifiers if one < 0)
    # Bonus counts for nobody who is not good without it.
    return base + sum(one for one in modifiers if one > 0) if base >= 90 else base


@pytest.fixture
async def signed_in(host: Host) -> dict[str, str]:
    """The cookie of the owner; sent by hand, since the browser of the test has no TLS."""
    add_user(host)
    form = {"email": "Ada@example.com", "password": PASSWORD}
    answer = await host.bare("POST", "/sign-in", data=form, allow_redirects=False)
    assert answer.status == 303
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def read(http: aiohttp.ClientSession, path: str, headers: Mapping[str, str]) -> Page | None:
    wanted = {"Accept": "text/html", **headers}
    async with http.get(path, headers=wanted, allow_redirects=False) as answer:
        is_page = answer.content_type == "text/html"
        return Page(answer.headers, await answer.text()) if is_page else None


def addresses() -> list[str]:
    found = [one.path for one in load_all(CHAPTERS) if one.method == "GET" and "{" not in one.path]
    return [path for path in found if path != "/stream"]


async def test_every_page_scores_at_least_150(host: Host, signed_in: Mapping[str, str]) -> None:
    seen = 0
    for path in [*addresses(), "/nothing", "/contacts/x"]:
        for headers in ({}, signed_in):
            page = await read(host.http, path, headers)
            if page is not None:
                seen += 1
                assert score(page) >= GOAL, (path, page.headers)
    assert seen > 15


async def test_cookie_of_the_session_scores_too(host: Host) -> None:
    add_user(host)
    form = {"email": "Ada@example.com", "password": PASSWORD}
    answer = await host.bare("POST", "/sign-in", data=form, allow_redirects=False)
    assert cookie_score(Page(answer.headers, "")) == 5


async def test_nothing_stands_in_a_page_that_its_policy_forbids(
    host: Host, signed_in: Mapping[str, str]
) -> None:
    forbidden = re.compile(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)")
    for path in addresses():
        page = await read(host.http, path, signed_in)
        if page is not None:
            found = forbidden.search(page.html)
            nonce = re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])
            assert found is None or (nonce and nonce[1] in page.html), (path, found)


async def test_table_finds_what_is_missing(host: Host) -> None:
    good = await read(host.http, "/sign-in", {})
    assert good is not None
    assert score(good) == GOAL
    for name, worth in (
        ("Content-Security-Policy", 40),
        ("Referrer-Policy", 5),
        ("Cross-Origin-Opener-Policy", 10),
    ):
        rest = {key: value for key, value in good.headers.items() if key != name}
        worse = score(Page(rest, good.html))
        assert worse <= GOAL - worth, (name, worse)
