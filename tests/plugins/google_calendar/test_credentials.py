"""Access tokens: who gets one, how seldom one is fetched, and what it means when there is none."""

import asyncio
import base64
import datetime as dt
import json
from typing import Any

import aiohttp
import pytest
from google.auth import jwt

from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_core.testing import StillClock
from clientflow_plugins.google_calendar import credentials as credentials_module
from clientflow_plugins.google_calendar.credentials import AUDIENCE, make_credentials
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER, new_service_account
from clientflow_plugins.google_calendar.settings import (
    SCOPES,
    GoogleCalendarSettings,
    read_service_account,
)
from tests.plugins.google_calendar.conftest import (
    CONSENT,
    Answering,
    account,
    consent,
    draft,
)


def opened(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, **changed: str
) -> GoogleCalendars:
    values = {k: v for k, v in (sandbox.settings() | changed).items() if v}
    loaded = load_settings(GoogleCalendarSettings, values)
    return GoogleCalendars(ProviderContext(http=http, clock=sandbox.clock), loaded)


def paths(sandbox: GoogleCalendarSandbox) -> list[str]:
    return [call.path.partition("?")[0].rpartition("/")[2] for call in sandbox.calls]


def go_wrong(sandbox: GoogleCalendarSandbox, answer: Answer, *, calls: int = 1) -> None:
    sandbox.faults.call = CallFault(calls=calls, answer=answer, retry_after_seconds=7)


async def test_service_account_signs_for_its_user(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audience is Google's own address, though the request goes to the sandbox."""
    seen: list[dict[str, Any]] = []
    give = sandbox.tokens.give

    def note(form: dict[str, str]) -> dict[str, Any]:
        seen.append(jwt.decode(form["assertion"], verify=False))
        seen[-1]["kid"] = jwt.decode_header(form["assertion"])["kid"]
        return give(form)

    monkeypatch.setattr(type(sandbox.tokens), "give", lambda _, form: note(form))
    assert await calendars.verify() == OWNER
    (claims,) = seen
    key = read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"]))
    assert (claims["iss"], claims["sub"]) == (key["client_email"], OWNER)
    assert claims["kid"] == key["private_key_id"]
    assert claims["aud"] == AUDIENCE == "https://oauth2.googleapis.com/token"
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["scope"].split() == list(SCOPES)


async def test_service_account_may_act_for_itself_and_then_invites_nobody(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    alone = opened(http, sandbox, GOOGLE_CALENDAR_SUBJECT="")
    await alone.put_event(OWNER, draft())
    with pytest.raises(Exception, match="Domain-Wide Delegation") as raised:
        await alone.put_event(OWNER, draft(attendees=("ada@example.com",)))
    assert getattr(raised.value, "provider_code", None) == "forbiddenForServiceAccounts"


async def test_subject_that_was_not_delegated_is_refused(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    other = opened(http, sandbox, GOOGLE_CALENDAR_SUBJECT="somebody@example.com")
    with pytest.raises(AuthFailed, match="unauthorized_client"):
        await other.verify()


async def test_another_key_of_the_account_is_refused(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    other = opened(http, sandbox, GOOGLE_SVC_ACCOUNT_JSON=new_service_account())
    with pytest.raises(AuthFailed, match=r"invalid_grant: Invalid JWT Signature\."):
        await other.verify()


async def test_private_key_that_cannot_be_read_is_a_credential_that_does_not_fit(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    key = dict(read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"])))
    text = base64.b64encode(json.dumps({**key, "private_key": "no key"}).encode()).decode()
    with pytest.raises(AuthFailed, match="private key"):
        await opened(http, sandbox, GOOGLE_SVC_ACCOUNT_JSON=text).verify()
    assert not sandbox.calls


async def test_address_in_the_key_is_not_called(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, answering: Answering
) -> None:
    """An organization that sets a key of its own must not choose whom the service calls."""
    key = dict(read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"])))
    text = base64.b64encode(json.dumps({**key, "token_uri": answering.url}).encode()).decode()
    assert await opened(http, sandbox, GOOGLE_SVC_ACCOUNT_JSON=text).verify() == OWNER
    assert not answering.asked


class TestConsent:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return consent()

    async def test_consent_of_a_user_is_a_token(self, calendars: GoogleCalendars) -> None:
        assert await calendars.verify() == OWNER

    @pytest.mark.parametrize(
        ("name", "value", "word"),
        [
            ("GOOGLE_CLIENT_ID", "1-x.apps.googleusercontent.com", "invalid_client"),
            ("GOOGLE_CLIENT_SECRET", "another", "invalid_client"),
            ("GOOGLE_CALENDAR_REFRESH_TOKEN", "another", "invalid_grant"),
        ],
    )
    async def test_wrong_part_of_it_is_refused_once(
        self,
        http: aiohttp.ClientSession,
        sandbox: GoogleCalendarSandbox,
        name: str,
        value: str,
        word: str,
    ) -> None:
        with pytest.raises(AuthFailed, match=word):
            await opened(http, sandbox, **{name: value}).verify()
        assert paths(sandbox) == ["token"]

    async def test_client_of_a_consent_does_not_open_a_service_account(
        self, http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
    ) -> None:
        values = dict.fromkeys(CONSENT, "") | dict(account())
        with pytest.raises(AuthFailed, match="account not found"):
            await opened(http, sandbox, **values).verify()


async def test_many_at_once_share_one_token(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    await asyncio.gather(*(calendars.verify() for _ in range(9)))
    assert paths(sandbox).count("token") == 1


async def test_token_is_fetched_anew_before_its_end(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    clock = StillClock(sandbox.clock.now() - dt.timedelta(minutes=59))
    loaded = load_settings(GoogleCalendarSettings, sandbox.settings())
    calendars = GoogleCalendars(ProviderContext(http=http, clock=clock), loaded)
    await calendars.verify()
    clock.move(seconds=58 * 60)
    await calendars.verify()
    assert paths(sandbox).count("token") == 1
    clock.move(seconds=60)
    await calendars.verify()
    assert paths(sandbox).count("token") == 2


async def test_token_that_was_revoked_is_replaced_once(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    clock = StillClock(sandbox.clock.now() - dt.timedelta(minutes=2))
    loaded = load_settings(GoogleCalendarSettings, sandbox.settings())
    calendars = GoogleCalendars(ProviderContext(http=http, clock=clock), loaded)
    await calendars.verify()
    sandbox.tokens.revoke()
    clock.move(seconds=120)
    await asyncio.gather(*(calendars.verify() for _ in range(3)))
    assert paths(sandbox).count("token") == 2


async def test_new_token_that_is_refused_is_not_replaced(
    answered: GoogleCalendars, answering: Answering
) -> None:
    """google-auth's session would ask five times in all."""
    answering.status = 401
    with pytest.raises(AuthFailed):
        await answered.verify()
    assert len(answering.asked) == 1


async def test_busy_token_endpoint_after_a_revocation_is_not_our_fault(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    """Nor is anything done then: google-auth would give the 401 that it met before."""
    clock = StillClock(sandbox.clock.now() - dt.timedelta(minutes=2))
    loaded = load_settings(GoogleCalendarSettings, sandbox.settings())
    calendars = GoogleCalendars(ProviderContext(http=http, clock=clock), loaded)
    await calendars.verify()
    sandbox.tokens.revoke()
    clock.move(seconds=120)
    sandbox.faults.call = CallFault(calls=1, answer=Answer.UNAVAILABLE, spares_reading=True)
    with pytest.raises(ProviderUnavailable):
        await calendars.verify()


@pytest.mark.parametrize(
    "answer",
    [
        Answer.RATE_LIMITED,
        Answer.INTERNAL_ERROR,
        Answer.UNAVAILABLE,
        Answer.CUT_BEFORE,
        Answer.BAD_JSON,
        Answer.HTML,
    ],
)
async def test_without_a_token_nothing_was_asked(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, answer: Answer
) -> None:
    """So even a change was surely not made, and may be asked again."""
    go_wrong(sandbox, answer)
    with pytest.raises(ProviderUnavailable) as raised:
        await calendars.put_event(OWNER, draft())
    if answer in {Answer.RATE_LIMITED, Answer.UNAVAILABLE}:
        assert raised.value.retry_after_seconds == 7
    assert paths(sandbox) == ["token"]
    await calendars.put_event(OWNER, draft())


async def test_silence_of_the_token_endpoint_has_an_end(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials_module, "TOKEN_SECONDS", 0.05)
    go_wrong(sandbox, Answer.TIMEOUT, calls=2)
    ended = await asyncio.gather(
        *(calendars.put_event(OWNER, draft()) for _ in range(2)), return_exceptions=True
    )
    assert [type(one) for one in ended] == [ProviderUnavailable] * 2


@pytest.mark.parametrize(
    "token",
    [
        b"[]",
        b"{}",
        b'{"access_token": 7, "expires_in": 3599}',
        b'{"access_token": "t", "expires_in": "3599"}',
        b'{"access_token": "t", "expires_in": true}',
        b"[" * 9999,
    ],
)
async def test_answer_without_a_token_is_none(
    answered: GoogleCalendars, answering: Answering, token: bytes
) -> None:
    answering.token = token
    with pytest.raises(ProviderUnavailable, match="HTTP 200, and no token"):
        await answered.verify()


def test_settings_that_were_not_checked_open_nothing() -> None:
    bare = GoogleCalendarSettings(webhook_secret=Secret("0123456789abcdef"))
    with pytest.raises(AuthFailed, match="neither"):
        make_credentials(bare, url="https://a.example", clock=StillClock())


def test_scopes_are_the_least_that_will_do() -> None:
    assert all("calendar." in one for one in SCOPES)
