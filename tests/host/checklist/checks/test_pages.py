"""The checks of what the public sees, each against what goes wrong with it."""

import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.errors import SettingsError
from clientflow_host.assembly import load_everything
from clientflow_host.checklist.checks.pages import CHECKS, PUBLIC_PAGES
from clientflow_host.edge_settings import CORS_ORIGINS_ENV
from clientflow_host.pages.site import SITE
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

IDS: Final = tuple(check.id for check in CHECKS)
PASSED, FAILED, SKIPPED = CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.SKIPPED
FILLED_IN: Final = {
    "CLIENTFLOW_COMPANY_NAME": "Harbour & Sons [Dublin] Ltd",
    "CLIENTFLOW_COMPANY_ADDRESS": "1 Quay Street, Dublin",
    "CLIENTFLOW_COMPANY_LAW": "Irish law, and the courts of Dublin",
    "CLIENTFLOW_PRIVACY_EMAIL": "privacy@harbour.example",
    "CLIENTFLOW_SUPPORT_EMAIL": "help@harbour.example",
    "CLIENTFLOW_LEGAL_DATE": "2026-12-01",
    "CLIENTFLOW_GOOGLE_SITE_VERIFICATION": "abc-123_x",
    "NEXT_PUBLIC_POSTHOG_KEY": "phc_abc",
}
_HOP_BY_HOP: Final = frozenset({"Content-Length", "Transfer-Encoding", "Date", "Server"})
Change = Callable[[str, dict[str, str], str], str]
"""Takes the path, the headers, which it may change, and the text of an answer; gives its text."""


class _EveryNameIsThisMachine(AbstractResolver):
    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        where = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
        )
        return [where]

    @override
    async def close(self) -> None:
        pass


@attrs.define(eq=False)
class World:
    """The service as the world reaches it: by a name, and by a proxy that can spoil answers."""

    context: Context
    http: aiohttp.ClientSession
    url: str
    change: Change

    async def ask(self, item_id: str, **changes: Any) -> CheckResult:
        """Run a check from out there."""
        return await ask(item_id, self.context(url=self.url, http=self.http, **changes))

    async def failure(self, item_id: str, **changes: Any) -> CheckResult:
        """Run a check that has to fail, with a hint."""
        found = await self.ask(item_id, **changes)
        assert found.status is FAILED, found
        assert len(found.hint) > 20
        return found


@pytest.fixture
def values(values: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a service that the world reaches, with everything of its pages set."""
    port = values["CLIENTFLOW_PORT"]
    public = {"CLIENTFLOW_PUBLIC_URL": f"http://clientflow.example:{port}"} | FILLED_IN
    changes: Mapping[str, str | None] = getattr(request, "param", {})
    whole: dict[str, str | None] = {**values, **public, **changes}
    return {name: value for name, value in whole.items() if value}


@pytest.fixture
async def world(host: Host, context: Context) -> AsyncIterator[World]:
    """The service behind a proxy that hands everything on, until a test has it do otherwise."""
    connector = aiohttp.TCPConnector(resolver=_EveryNameIsThisMachine())
    inside = f"http://127.0.0.1:{host.assembly.settings.port}"
    async with (
        aiohttp.ClientSession(connector=connector) as outside,
        aiohttp.ClientSession(inside, auto_decompress=False) as proxied,
    ):
        made = World(context, outside, "", lambda _, __, text: text)

        async def hand_on(request: web.Request) -> web.Response:
            async with proxied.request(
                request.method, request.path_qs, headers=request.headers, allow_redirects=False
            ) as answer:
                headers = {k: v for k, v in answer.headers.items() if k not in _HOP_BY_HOP}
                text = made.change(request.path, headers, (await answer.read()).decode("latin-1"))
                body = text.encode("latin-1")
                return web.Response(status=answer.status, body=body, headers=headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", hand_on)
        async with TestServer(app) as proxy:
            made.url = f"http://clientflow.example:{proxy.port}"
            yield made


async def test_nothing_is_wrong_with_a_service_that_is_set_up(world: World) -> None:
    found = {item_id: await world.ask(item_id) for item_id in IDS}
    assert {item_id for item_id, one in found.items() if one.status is not PASSED} == {"EW5"}, found
    assert found["EW5"].status is SKIPPED


async def test_every_public_page_is_looked_for(host: Host) -> None:
    assert sorted(PUBLIC_PAGES) == list(host.app[SITE].published)


def _without(pattern: str, *paths: str) -> Change:
    """Take what is like *pattern* from the answers at *paths*, or at any."""

    def change(path: str, _: dict[str, str], text: str) -> str:
        return re.sub(pattern, "", text) if not paths or path in paths else text

    return change


@pytest.mark.parametrize(
    ("item_id", "change", "said"),
    [
        ("WL1", _without('href="/legal/terms"', "/sign-in"), "no link to /legal/terms at /sign-in"),
        ("WL2", _without('href="/legal/privacy"', "/nothing"), "at /nothing"),
        ("WL3", _without("Twilio SMS", "/legal/dpa.md"), "Twilio SMS"),
        ("WL4", _without('href="/legal/cookies"', "/"), "at /"),
        ("WS3", _without("<url><loc>[^<]*/legal/privacy</loc></url>"), "/legal/privacy"),
        ("WS4", _without("Disallow: /", "/robots.txt"), "no line"),
        ("WS4", _without(r"Allow: /\$"), "not to be found"),
        ("WS6", _without("<meta name=.google-site-verification[^>]*>"), "not there"),
        ("UU3", _without("mailto:help@harbour.example", "/nothing"), "not at /nothing"),
        ("UU3", _without("Contact: .*", "/.well-known/security.txt"), "security.txt"),
        ("UU3", _without("Expires: .*", "/.well-known/security.txt"), "expired"),
        ("DW4", _without("<script type=.application/json.*?</script>"), "NEXT_PUBLIC_POSTHOG_KEY"),
    ],
)
async def test_what_a_page_lacks_is_found(
    world: World, item_id: str, change: Change, said: str
) -> None:
    world.change = change
    assert said in (await world.failure(item_id)).found


def _with_header(name: str, value: str | None, *, at: str) -> Change:
    """Give another header, or none, where the path begins with *at*."""

    def change(path: str, headers: dict[str, str], text: str) -> str:
        if path.startswith(at):
            headers.pop(name, None)
            headers.update({} if value is None else {name: value})
        return text

    return change


@pytest.mark.parametrize(
    ("item_id", "change", "said"),
    [
        ("DW1", _with_header("X-Release", "0.0.1", at="/"), "0.0.1"),
        ("DW6", _with_header("Cache-Control", "no-store", at="/static/"), "not kept"),
        ("DW6", _with_header("Content-Encoding", "identity", at="/static/"), "not packed"),
        ("EW4", _with_header("Content-Security-Policy", "default-src 'none'", at="/"), "do not"),
        (
            "EW4",
            _with_header("Content-Security-Policy", "connect-src https://eu.i.posthog.com", at="/"),
            "without consent",
        ),
        ("WS3", _with_header("X-Robots-Tag", "noindex", at="/legal/dpa"), "/legal/dpa"),
        ("WS4", _with_header("X-Robots-Tag", "noindex", at="/"), "not to be found"),
        ("WS4", _with_header("X-Robots-Tag", None, at="/sign-in"), "/sign-in"),
        ("WL3", _with_header("Content-Disposition", None, at="/legal/dpa.md"), "downloaded"),
    ],
)
async def test_what_a_proxy_spoils_is_found(
    world: World, item_id: str, change: Change, said: str
) -> None:
    world.change = change
    assert said in (await world.failure(item_id)).found


async def test_a_page_that_is_too_heavy_is_found(world: World) -> None:
    def change(path: str, _: dict[str, str], text: str) -> str:
        return text + " " * 100_000 if path == "/" else text

    world.change = change
    assert "together" in (await world.failure("DW6")).found


_UNSET: Final = dict.fromkeys(FILLED_IN)


@pytest.mark.parametrize("values", [_UNSET], indirect=True, ids=["nothing_set"])
class TestOfWhichNothingIsSet:
    @pytest.mark.parametrize(
        ("item_id", "said"),
        [
            ("WL1", "COMPANY NAME, EFFECTIVE DATE, GOVERNING LAW, SUPPORT E-MAIL"),
            ("WL2", "PRIVACY E-MAIL"),
            ("WL3", "COMPANY ADDRESS"),
            ("WL4", "PRIVACY E-MAIL"),
            ("UU3", "no address"),
        ],
    )
    async def test_the_world_must_not_see_it(self, world: World, item_id: str, said: str) -> None:
        found = await world.failure(item_id)
        assert said in found.found
        assert "CLIENTFLOW_SUPPORT_EMAIL" in found.hint

    async def test_what_is_not_used_is_skipped(self, world: World) -> None:
        for item_id in ("EW4", "EW5", "DW4", "WS6"):
            found = await world.ask(item_id)
            assert found.status is SKIPPED
            assert "et " in found.hint


@pytest.mark.parametrize(
    "values", [_UNSET | {"CLIENTFLOW_PUBLIC_URL": None}], indirect=True, ids=["local"]
)
async def test_on_this_machine_alone_nothing_has_to_be_filled_in(context: Context) -> None:
    found = {item_id: await ask(item_id, context()) for item_id in IDS}
    assert not [one for one in found.values() if one.status is FAILED]
    skips = {item_id for item_id, one in found.items() if one.status is SKIPPED}
    assert skips == {"EW4", "EW5", "DW4", "WL1", "WL2", "WL3", "WL4", "WS3", "WS6", "UU3"}


class TestWithItsApiElsewhere:
    @pytest.fixture(params=[False, True], ids=["not_listed", "listed"])
    def is_listed(self, request: pytest.FixtureRequest) -> bool:
        """Whether the pages may call it."""
        return bool(request.param)

    @pytest.fixture
    def values(self, values: dict[str, str], is_listed: bool) -> dict[str, str]:
        """The settings of a host that is reached by another name for its API."""
        own = {"NEXT_PUBLIC_API_BASE_URL": f"http://api.example:{values['CLIENTFLOW_PORT']}"}
        listed = {CORS_ORIGINS_ENV: values["CLIENTFLOW_PUBLIC_URL"]} if is_listed else {}
        return values | own | listed

    async def test_it_must_let_the_pages_call_it(self, world: World, is_listed: bool) -> None:
        assert "not https" in (await world.failure("EW5")).found
        world.url = world.url.replace("clientflow.example", "127.0.0.1")
        if is_listed:
            assert (await world.ask("EW5")).status is PASSED
        else:
            assert CORS_ORIGINS_ENV in (await world.failure("EW5")).hint
        world.change = _with_header("Content-Security-Policy", "default-src 'none'", at="/")
        assert "Content-Security-Policy" in (await world.failure("EW5")).found


async def test_an_api_where_the_pages_are_needs_no_leave(world: World) -> None:
    site = attrs.evolve(world.context().settings.site, api_base_url="https://clientflow.example")
    found = await world.ask("EW5", site=site, public_url="https://clientflow.example")
    assert found.status is PASSED


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("NEXT_PUBLIC_POSTHOG_KEY", "phx_0123456789abcdef"),
        ("NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY", "sk_live_0123456789abcdef"),
        ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "sb_secret_0123456789abcdef"),
    ],
)
def test_a_secret_under_a_public_name_refuses_the_start(
    name: str, secret: str, values: dict[str, str]
) -> None:
    keys = {
        "CLIENTFLOW_PLUGINS": "stripe,supabase",
        "STRIPE_SECRET_KEY": "sk_live_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "SUPABASE_URL": "https://abc.supabase.co",
    }
    load_everything(values | keys)
    with pytest.raises(SettingsError) as refused:
        load_everything(values | keys | {name: secret})
    assert name in str(refused.value)
    assert secret not in str(refused.value)
