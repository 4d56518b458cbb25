"""An account is connected by its owner's consent, used, and disconnected: all over real HTTP."""

import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from clientflow_core.domain.roles import Role
from clientflow_core.sandbox import Answer, CallFault, build_sandbox_app
from clientflow_core.testing import StillClock
from clientflow_host.settings import ENCRYPTION_KEY_ENV
from clientflow_plugins.google_calendar import authorization
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from tests.host.conftest import Host, add_sandbox
from tests.host.pages.conftest import Browser

PAGE: Final = "/settings/providers"
CONNECT: Final = f"{PAGE}/google_calendar/connect"
DISCONNECT: Final = f"{PAGE}/google_calendar/disconnect"
_URL: Final = re.compile(r'href="(http[^"]+/o/oauth2/v2/auth[^"]+)"')


@pytest.fixture
def google(values: dict[str, str]) -> GoogleCalendarSandbox:
    """Google's sandbox."""
    return add_sandbox(GoogleCalendarSandbox, values)


@pytest.fixture
async def served(google: GoogleCalendarSandbox, host: Host) -> AsyncIterator[None]:
    """The sandbox, served beside the host."""
    async with TestServer(build_sandbox_app([google]), port=host.assembly.settings.sandbox_port):
        yield


async def begin(browser: Browser) -> str:
    """Press Connect, and give the page of Google's that it leads to."""
    status, page = await browser.send(CONNECT)
    assert (status, "To your provider" in page) == (200, True)
    found = _URL.search(page)
    assert found is not None, page
    return found[1].replace("&amp;", "&")


async def decide(browser: Browser, url: str, *, decision: str, scopes: int = 3) -> str:
    """Press a button of Google's page, and give the path to which it leads back."""
    shown = await (await browser.http.get(url)).text()
    boxes = re.findall(r"name=scope value='([^']+)'", shown)
    form = [("decision", decision), *(("scope", one) for one in boxes[:scopes])]
    async with browser.http.post(url, data=form, allow_redirects=False) as answer:
        back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == browser.host.assembly.settings.url
    return f"{back.path}?{back.query}"


async def connected(browser: Browser) -> str:
    """Connect the account, and give what the page says then."""
    back = await decide(browser, await begin(browser), decision="allow")
    status, page = await browser.open(back)
    assert status == 200, page
    return page


async def test_account_is_connected_used_and_disconnected(
    google: GoogleCalendarSandbox, served: None, host: Host, browser: Browser
) -> None:
    status, page = await browser.open(PAGE)
    assert (status, "Connect Google Calendar" in page, "Disconnect" in page) == (200, True, False)
    page = await connected(browser)
    assert f"Google Calendar is connected to the account {OWNER}." in page
    assert "an account of your own" in page
    [(sealed,)] = host.rows("SELECT sealed FROM provider_settings")
    assert b"1//" not in bytes(sealed)
    calendars = await host.assembly.registry.calendar(
        "google_calendar", organization_id=host.ours.id
    )
    assert len(await calendars.list_calendars()) == 3
    status, page = await browser.send(DISCONNECT)
    assert (status, "access was taken back there as well" in page) == (200, True)
    assert host.count("provider_settings") == 0
    assert google.calls[-1].path.endswith("/revoke")
    assert "Connect Google Calendar" in page


async def test_what_comes_back_counts_once(served: None, host: Host, browser: Browser) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    [kept] = [one for one in browser.http.cookie_jar if one.key == "authorization"]
    status, _ = await browser.open(back)
    assert status == 200
    status, page = await browser.open(back)
    assert (status, "Begin again here" in page) == (400, True)
    # Nor again for who has kept the cookie that was taken away.
    url = URL(host.assembly.settings.url)
    browser.http.cookie_jar.update_cookies({"authorization": kept.value}, url)
    status, page = await browser.open(back)
    assert (status, "Begin again here" in page) == (400, True)


async def test_who_denies_is_told_that_nothing_was_connected(
    served: None, host: Host, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="deny")
    status, page = await browser.open(back)
    assert (status, "You did not allow it" in page) == (400, True)
    assert host.count("provider_settings") == 0


async def test_part_that_was_not_allowed_is_named(
    served: None, host: Host, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="allow", scopes=2)
    status, page = await browser.open(back)
    assert (status, "missing is: to see when calendars are taken" in page) == (400, True)
    assert host.count("provider_settings") == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("error=server_error", "the answer was server_error"),
        ("error=%3Cb%3Ecall%20us", "not one that is known"),
        ("", "not one that is known"),
    ],
)
async def test_other_answers_are_told_without_words_of_somebody_elses(
    served: None, browser: Browser, query: str, words: str
) -> None:
    back = await decide(browser, await begin(browser), decision="deny")
    state = re.search(r"state=[^&]+", back)
    assert state is not None
    status, page = await browser.open(f"{back.partition('?')[0]}?{state[0]}&{query}")
    assert (status, words in page) == (400, True)


async def test_consent_is_taken_from_the_session_that_asked_for_it_alone(
    served: None, host: Host, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    status, page = await browser.open(back.replace("state=", "state=x"))
    assert (status, "Begin again here" in page) == (400, True)
    back = await decide(browser, await begin(browser), decision="allow")
    assert await browser.sign_in() == (303, "/inbox")
    status, page = await browser.open(back)
    assert (status, "Begin again here" in page) == (400, True)
    assert host.count("provider_settings") == 0


async def test_consent_that_comes_back_late_is_not_taken(
    served: None, host: Host, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    clock = StillClock(host.assembly.clock.now())
    clock.move(seconds=601)
    monkeypatch.setattr(type(host.assembly.clock), "now", lambda _: clock.now())
    status, page = await browser.open(back)
    assert (status, "Begin again here" in page) == (400, True)


async def test_google_that_is_away_is_told_and_nothing_is_lost(
    google: GoogleCalendarSandbox, served: None, host: Host, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    google.faults.call = CallFault(calls=1, answer=Answer.UNAVAILABLE)
    status, page = await browser.open(back)
    assert (status, "did not answer, so nothing was connected" in page) == (400, True)
    await connected(browser)
    google.faults.call = CallFault(calls=1, answer=Answer.UNAVAILABLE)
    status, page = await browser.send(DISCONNECT)
    assert (status, "still connected" in page) == (400, True)
    assert host.count("provider_settings") == 1


async def test_settings_that_cannot_be_opened_are_disconnected_here(
    served: None, host: Host, browser: Browser
) -> None:
    await connected(browser)
    host.rows("UPDATE provider_settings SET sealed = 'x'")
    status, page = await browser.send(DISCONNECT)
    assert (status, "take this app out of your account" in page) == (200, True)
    assert host.count("provider_settings") == 0


async def test_wrong_client_is_the_operators_affair(
    google: GoogleCalendarSandbox, served: None, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    google.credentials["GOOGLE_CLIENT_SECRET"] = "another"
    google.tokens.credentials = google.credentials
    status, page = await browser.open(back)
    assert (status, "Tell your operator" in page) == (400, True)


async def test_account_that_reaches_no_calendar_is_told(
    google: GoogleCalendarSandbox, served: None, host: Host, browser: Browser
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")
    google._diary.sheets.clear()
    status, page = await browser.open(back)
    assert (status, "was connected, but cannot be used yet" in page) == (400, True)
    assert host.count("provider_settings") == 1


async def test_plugin_that_fails_is_not_shown_to_people(
    served: None, host: Host, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = await decide(browser, await begin(browser), decision="allow")

    def fail(*_: object) -> None:
        msg = "a fault in the plugin"
        raise RuntimeError(msg)

    monkeypatch.setattr(authorization, "_post", fail)
    status, page = await browser.open(back)
    assert (status, "Nothing was connected; the log says why" in page) == (400, True)
    assert "a fault in the plugin" not in page


async def test_only_an_admin_may(served: None, host: Host, stranger: Browser) -> None:
    host.rows("UPDATE memberships SET role = %s", Role.MEMBER.value)
    assert await stranger.sign_in() == (303, "/inbox")
    for ask in (stranger.open(PAGE), stranger.send(CONNECT), stranger.send(DISCONNECT)):
        assert (await ask)[0] == 403
    status, page = await stranger.open("/inbox")
    assert (status, PAGE in page) == (200, False)


async def test_provider_to_which_nobody_consents_cannot_be_connected(
    served: None, browser: Browser
) -> None:
    for path in (
        f"{PAGE}/twilio/connect",
        f"{PAGE}/nobody/disconnect",
        CONNECT.replace("google", "x"),
    ):
        assert (await browser.send(path))[0] == 404
    assert (await browser.open("/oauth/twilio/callback?state=x&code=y"))[0] == 404


@pytest.mark.parametrize("values", [{ENCRYPTION_KEY_ENV: ""}], indirect=True)
async def test_without_a_key_to_seal_with_nobody_is_sent_away(
    served: None, browser: Browser
) -> None:
    status, page = await browser.send(CONNECT)
    assert status == 409
    assert ENCRYPTION_KEY_ENV in page, page


async def test_visitor_who_is_not_signed_in_is_led_to_sign_in(
    served: None, host: Host, stranger: Browser
) -> None:
    status, where = await stranger.open("/oauth/google_calendar/callback?state=x&code=y")
    assert (status, where.startswith("/sign-in?next=")) == (303, True)
