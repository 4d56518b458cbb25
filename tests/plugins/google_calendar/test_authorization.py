"""A user's consent: asked for on Google's page, exchanged, used, and taken back."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import attrs
import pytest

from clientflow_core.errors import (
    AuthFailed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RejectedInput,
)
from clientflow_core.providers.authorization import AuthorizationGrant, AuthorizationRequest
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer
from clientflow_core.sandbox.faults import CallFault
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_core.testing import StillClock
from clientflow_plugins.google_calendar.authorization import AUTHORIZATION as SPEC
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.sandbox.codes import challenge_of
from clientflow_plugins.google_calendar.sandbox.consent_pages import CALLBACK_PATH
from clientflow_plugins.google_calendar.settings import SCOPES, GoogleCalendarSettings
from tests.plugins.google_calendar.conftest import CONSENT, HOST, Answering, consent

VERIFIER: Final = "v" * 43
REQUEST: Final = AuthorizationRequest(
    redirect_uri=HOST + CALLBACK_PATH, state="s1", code_challenge=challenge_of(VERIFIER)
)
TOKEN: Final = "GOOGLE_CALENDAR_REFRESH_TOKEN"


@pytest.fixture
def credentials() -> dict[str, str]:
    return {name: value for name, value in consent().items() if name != TOKEN}


def grant(code: str, **changed: str) -> AuthorizationGrant:
    return AuthorizationGrant(
        redirect_uri=changed.get("redirect_uri", REQUEST.redirect_uri),
        code=Secret(code),
        code_verifier=Secret(changed.get("verifier", VERIFIER)),
    )


async def decide(
    http: aiohttp.ClientSession,
    settings: GoogleCalendarSettings,
    *,
    decision: str = "allow",
    scopes: tuple[str, ...] = SCOPES,
    url: str | None = None,
) -> Mapping[str, str]:
    """Press a button of the page, and give what stands in the address that it leads back to."""
    form = [("decision", decision), *(("scope", scope) for scope in scopes)]
    url = url or SPEC.authorization_url(settings, REQUEST)
    async with http.post(url, data=form, allow_redirects=False) as answer:
        place, _, query = answer.headers["Location"].partition("?")
    assert place == REQUEST.redirect_uri
    return dict(parse_qsl(query, strict_parsing=True))


async def test_consent_becomes_settings_that_reach_the_calendars(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, settings: GoogleCalendarSettings
) -> None:
    assert SPEC.is_set_up(settings)
    async with http.get(SPEC.authorization_url(settings, REQUEST)) as page:
        shown = await page.text()
    assert (page.status, "Allow" in shown, OWNER in shown) == (200, True, True)
    told = await decide(http, settings)
    assert told["state"] == "s1"
    own = await SPEC.exchange(http, settings, grant(told["code"]))
    assert set(own) == {TOKEN}
    loaded = load_settings(GoogleCalendarSettings, sandbox.settings() | dict(own))
    calendars = GoogleCalendars(ProviderContext(http=http), loaded)
    assert await calendars.verify() == OWNER
    await SPEC.revoke(http, loaded)
    with pytest.raises(AuthFailed):
        await calendars.verify()
    with pytest.raises(AuthFailed, match="revoked"):
        await GoogleCalendars(ProviderContext(http=http), loaded).verify()
    # What was taken back already is no error.
    await SPEC.revoke(http, loaded)


def test_google_is_asked_for_the_least_and_for_access_that_lasts() -> None:
    bare = load_settings(GoogleCalendarSettings, {k: v for k, v in consent().items() if k != TOKEN})
    parts = urlsplit(SPEC.authorization_url(bare, REQUEST))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://accounts.google.com/o/oauth2/v2/auth"
    )
    assert parse_qs(parts.query, strict_parsing=True) == {
        "client_id": [CONSENT["GOOGLE_CLIENT_ID"]],
        "redirect_uri": [REQUEST.redirect_uri],
        "response_type": ["code"],
        "scope": [" ".join(SCOPES)],
        "access_type": ["offline"],
        "prompt": ["consent"],
        "state": ["s1"],
        "code_challenge": [REQUEST.code_challenge],
        "code_challenge_method": ["S256"],
    }


def test_settings_without_a_client_ask_nobody() -> None:
    bare = GoogleCalendarSettings(webhook_secret=Secret("0123456789abcdef"))
    assert not SPEC.is_set_up(bare)


async def test_who_denies_is_led_back_without_a_code(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings
) -> None:
    assert await decide(http, settings, decision="deny") == {
        "error": "access_denied",
        "state": "s1",
    }


async def test_part_that_was_not_allowed_is_named_and_the_rest_taken_back(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, settings: GoogleCalendarSettings
) -> None:
    told = await decide(http, settings, scopes=SCOPES[1:])
    with pytest.raises(ProviderRefused, match="to see the list of calendars") as raised:
        await SPEC.exchange(http, settings, grant(told["code"]))
    assert raised.value.provider_code == "missing_scope"
    assert sandbox.calls[-1].path.endswith("/revoke")


async def test_access_that_does_not_last_is_refused(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings
) -> None:
    url = SPEC.authorization_url(settings, REQUEST).replace("=offline", "=online")
    told = await decide(http, settings, url=url)
    with pytest.raises(ProviderRefused, match="no access that lasts"):
        await SPEC.exchange(http, settings, grant(told["code"]))


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"verifier": "w" * 43}, RejectedInput),
        ({"redirect_uri": HOST}, AuthFailed),
        ({"code": "4/unknown"}, RejectedInput),
    ],
)
async def test_code_is_exchanged_by_who_has_asked_alone(
    http: aiohttp.ClientSession,
    settings: GoogleCalendarSettings,
    changed: dict[str, str],
    kind: type[Exception],
) -> None:
    told = await decide(http, settings)
    with pytest.raises(kind):
        await SPEC.exchange(http, settings, grant(**({"code": told["code"]} | changed)))


async def test_code_is_exchanged_once_and_soon(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, settings: GoogleCalendarSettings
) -> None:
    told = await decide(http, settings)
    await SPEC.exchange(http, settings, grant(told["code"]))
    with pytest.raises(RejectedInput, match="used already, or too old"):
        await SPEC.exchange(http, settings, grant(told["code"]))
    late = await decide(http, settings)
    clock = StillClock(sandbox.clock.now())
    clock.move(seconds=601)
    sandbox.tokens.codes.clock = clock
    with pytest.raises(RejectedInput):
        await SPEC.exchange(http, settings, grant(late["code"]))


async def test_wrong_secret_is_the_operators_affair(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings
) -> None:
    told = await decide(http, settings)
    wrong = attrs.evolve(settings, client_secret=Secret("another-secret"))
    with pytest.raises(AuthFailed, match="invalid_client") as raised:
        await SPEC.exchange(http, wrong, grant(told["code"]))
    assert "another-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("client_id=1234567890", "client_id=9", "invalid_client"),
        ("callback", "elsewhere", "redirect_uri_mismatch"),
        ("calendar.events", "drive", "invalid_scope"),
        ("S256", "plain", "invalid_request"),
        ("&prompt=consent", "", "invalid_request"),
        ("prompt=consent", "prompt=none", "invalid_request"),
        ("state=s1", "state=s1&state=s2", "invalid_request"),
        ("offline", "always", "invalid_request"),
        (REQUEST.code_challenge, "short", "invalid_request"),
    ],
)
async def test_page_that_is_asked_for_wrongly_leads_nobody_back(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings, old: str, new: str, word: str
) -> None:
    url = SPEC.authorization_url(settings, REQUEST)
    assert old in url
    for method in ("GET", "POST"):
        async with http.request(method, url.replace(old, new), allow_redirects=False) as answer:
            assert (answer.status // 100, word in await answer.text()) == (4, True)


async def test_another_site_cannot_press_allow(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings
) -> None:
    url = SPEC.authorization_url(settings, REQUEST)
    headers = {"Sec-Fetch-Site": "cross-site"}
    form = {"decision": "allow"}
    async with http.post(url, data=form, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 422


@pytest.mark.parametrize("answer", [Answer.UNAVAILABLE, Answer.CUT_BEFORE, Answer.HTML])
async def test_google_that_does_not_answer_is_told_as_such(
    http: aiohttp.ClientSession,
    sandbox: GoogleCalendarSandbox,
    settings: GoogleCalendarSettings,
    answer: Answer,
) -> None:
    told = await decide(http, settings)
    for ask in (
        lambda: SPEC.exchange(http, settings, grant(told["code"])),
        lambda: SPEC.revoke(http, attrs.evolve(settings, refresh_token=Secret("1//x"))),
    ):
        sandbox.faults.call = CallFault(calls=1, answer=answer)
        with pytest.raises(ProviderUnavailable):
            await ask()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"[]", ProviderUnavailable),
        (200, b"[" * 9999, ProviderUnavailable),
        (200, b"{}", ProviderRefused),
        (200, b'{"refresh_token": 7}', ProviderRefused),
        (400, b"{}", ProviderUnavailable),
        (400, b'{"error": "invalid_request"}', ProviderRefused),
        (302, b"", ProviderUnavailable),
    ],
)
async def test_odd_answers_are_no_consent(
    http: aiohttp.ClientSession, answering: Answering, status: int, body: bytes, kind: type[Any]
) -> None:
    values = consent() | {"GOOGLE_CALENDAR_API_BASE_URL": f"{answering.url}/odd"}
    answering.status, answering.body = status, body
    answering.headers = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
    with pytest.raises(ProviderError) as raised:
        await SPEC.exchange(http, load_settings(GoogleCalendarSettings, values), grant("4/x"))
    assert type(raised.value) is kind
