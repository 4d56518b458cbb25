"""The stand-in is strict: what Google refuses, and what our plugin must not need, is refused."""

import base64
import datetime as dt
import json
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from google.auth import crypt, jwt

from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.credentials import (
    AUDIENCE,
    JWT_GRANT,
    REFRESH_GRANT,
)
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.sandbox.tokens import TokenDesk
from clientflow_plugins.google_calendar.settings import SCOPES, read_service_account
from tests.plugins.google_calendar.conftest import HOST, Api, account

EVENTS: Final = f"calendars/{OWNER}/events"
NEW: Final[dict[str, Any]] = {
    "id": "abc123",
    "summary": "Haircut",
    "start": {"dateTime": "2027-03-01T09:00:00Z", "timeZone": "UTC"},
    "end": {"dateTime": "2027-03-01T10:00:00Z", "timeZone": "UTC"},
}
CHANNEL: Final = {
    "id": "one",
    "type": "web_hook",
    "address": "https://example.com/webhooks/gcal",
    "token": "t",
}


def reason(answer: Any) -> str:
    (error,) = answer["error"]["errors"]
    assert answer["error"]["message"] == error["message"]
    return str(error["reason"])


async def refused(
    api: Api, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, str]:
    status, answer = await api.ask(method, path, body, **headers)
    return status, reason(answer)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic x", "bearer", "Bearer \udce9"])
async def test_no_token_no_answer(api: Api, header: str) -> None:
    status, answer = await api.ask("GET", "users/me/calendarList", Authorization=header)
    assert (status, reason(answer)) == (401, "authError")


async def test_token_outlives_the_process(api: Api) -> None:
    given = api.sandbox.tokens.issue(acts_for_user=False)["access_token"]
    started_anew = TokenDesk(api.sandbox.credentials, api.sandbox.clock)
    found = started_anew.find(f"Bearer {given}")
    assert found is not None
    assert not found.acts_for_user
    assert started_anew.find(f"Bearer {given}0") is None
    other = TokenDesk({"GOOGLE_CALENDAR_WEBHOOK_SECRET": "another"}, api.sandbox.clock)
    assert other.find(f"Bearer {given}") is None


async def test_revoked_token_does_not_count(api: Api) -> None:
    api.sandbox.tokens.revoke()
    assert await refused(api, "GET", "users/me/calendarList") == (401, "authError")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("singleEvent=true", "invalidParameter"),
        ("singleEvents=true&singleEvents=true", "invalidParameter"),
        ("singleEvents=1", "badRequest"),
        ("singleEvents=true&maxResults=0", "badRequest"),
        ("singleEvents=true&maxResults=many", "badRequest"),
        ("singleEvents=true&timeMin=yesterday", "badRequest"),
        ("singleEvents=true&timeMin=2027-03-01", "badRequest"),
        ("singleEvents=true&alt=media", "badRequest"),
        ("singleEvents=true&orderBy=size", "badRequest"),
        ("singleEvents=true&orderBy=updated", "invalid"),
        ("", "invalid"),
        ("singleEvents=true&syncToken=x", "invalid"),
        ("singleEvents=true&pageToken=x", "invalid"),
        ("singleEvents=true&syncToken=x&timeMin=2027-03-01T00:00:00Z", "invalid"),
    ],
)
async def test_query_is_looked_at(api: Api, query: str, word: str) -> None:
    assert await refused(api, "GET", f"{EVENTS}?{query}") == (400, word)


async def test_tokens_belong_to_their_calendar_and_kind(api: Api) -> None:
    _, listed = await api.ask("GET", f"{EVENTS}?singleEvents=true")
    token = quote(listed["nextSyncToken"])
    for path in (
        f"calendars/{quote('c_salon@group.calendar.google.com')}/events?singleEvents=true&syncToken={token}",
        f"{EVENTS}?singleEvents=true&pageToken={token}",
    ):
        assert await refused(api, "GET", path) == (400, "invalid")


async def test_next_page_is_asked_for_in_the_same_words(api: Api) -> None:
    for number in range(11):
        await api.ask("POST", EVENTS, NEW | {"id": f"abcde{number}"})
    _, listed = await api.ask("GET", f"{EVENTS}?singleEvents=true")
    token = quote(listed["nextPageToken"])
    other = f"{EVENTS}?singleEvents=true&timeMin=2020-01-01T00:00:00Z&pageToken={token}"
    assert await refused(api, "GET", other) == (400, "invalid")
    status, rest = await api.ask("GET", f"{EVENTS}?singleEvents=true&pageToken={token}")
    assert (status, len(rest["items"])) == (200, 2)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"title": "x"}, "badRequest"),
        ({"summary": 7}, "badRequest"),
        ({"start": None}, "badRequest"),
        ({"start": {"at": "x"}}, "badRequest"),
        ({"start": {"date": "2027-3-1"}}, "badRequest"),
        ({"start": {"dateTime": "2027-03-01"}}, "badRequest"),
        ({"attendees": {}}, "badRequest"),
        ({"attendees": [{"mail": "x"}]}, "badRequest"),
        ({"attendees": [{"email": "ada"}]}, "invalid"),
        ({"attendees": [{}]}, "invalid"),
        ({"sequence": 1.5}, "badRequest"),
        ({"id": "ABC"}, "invalid"),
        ({"id": "abc"}, "invalid"),
        ({"id": "a-b-c-d"}, "invalid"),
        ({"start": {}}, "invalid"),
        ({"start": {"date": "2027-03-01"}}, "invalid"),
        ({"start": {"date": "2027-03-01", "dateTime": "2027-03-01T09:00:00Z"}}, "invalid"),
        ({"start": {"dateTime": "2027-03-01T09:00:00Z", "timeZone": "Mars"}}, "invalid"),
        ({"start": {"dateTime": "2027-03-01T09:00:00"}}, "required"),
        ({"start": {"dateTime": "2027-03-01T10:00:01Z"}}, "timeRangeEmpty"),
        ({"start": {"date": "2027-03-01"}, "end": {"date": "2027-03-01"}}, "timeRangeEmpty"),
        ({"transparency": "glass"}, "invalid"),
        ({"status": "tentative"}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=DAILY"]}, "invalid"),
        ({"conferenceData": {}}, "invalid"),
    ],
)
async def test_event_is_looked_at(api: Api, changed: dict[str, Any], word: str) -> None:
    assert await refused(api, "POST", EVENTS, NEW | changed) == (400, word)


@pytest.mark.parametrize("missing", ["start", "end"])
async def test_event_without_a_time_is_refused(api: Api, missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    status, answer = await api.ask("POST", EVENTS, body)
    assert (status, answer["error"]["message"]) == (400, f"the body lacks {missing}")


async def test_moment_may_leave_its_offset_to_its_zone(api: Api) -> None:
    zoned = {"dateTime": "2027-03-01T09:00:00", "timeZone": "America/New_York"}
    end = {"dateTime": "2027-03-01T10:00:00", "timeZone": "America/New_York"}
    status, made = await api.ask("POST", EVENTS, NEW | {"start": zoned, "end": end})
    assert status == 200
    assert made["start"] == {
        "dateTime": "2027-03-01T15:00:00+01:00",
        "timeZone": "America/New_York",
    }


async def test_series_is_not_changed_as_a_whole(api: Api) -> None:
    (created,) = [one for one in api.sandbox.events() if one.name == "series.created"]
    values = {"title": "Color", "starts_at": "2027-03-01T09:00:00+01:00"}
    name = created.happen(values).facts["series"]
    assert await refused(api, "PUT", f"{EVENTS}/{name}", NEW) == (400, "invalid")


async def test_event_may_leave_its_name_to_google(api: Api) -> None:
    body = {name: NEW[name] for name in ("start", "end")}
    status, made = await api.ask("POST", EVENTS, body)
    assert status == 200
    assert made["id"].isalnum()
    assert "summary" not in made


async def test_body_that_is_no_json_is_refused(api: Api, http: aiohttp.ClientSession) -> None:
    url = f"{api.sandbox.base_url}/calendar/v3/{EVENTS}"
    for body in (b"{", b"[" * 9999, b"\xff"):
        async with http.post(url, data=body, headers=api.headers) as answer:
            assert (answer.status, reason(await answer.json())) == (400, "parseError")


async def test_body_where_none_belongs_is_refused(api: Api) -> None:
    assert await refused(api, "GET", "users/me/calendarList", {}) == (400, "badRequest")


async def test_name_is_used_once(api: Api) -> None:
    assert (await api.ask("POST", EVENTS, NEW))[0] == 200
    assert await refused(api, "POST", EVENTS, NEW) == (409, "duplicate")
    assert (await api.ask("DELETE", f"{EVENTS}/abc123")) == (204, None)
    assert await refused(api, "POST", EVENTS, NEW) == (409, "duplicate")
    assert await refused(api, "DELETE", f"{EVENTS}/abc123") == (410, "deleted")
    assert await refused(api, "PUT", f"{EVENTS}/abc123", NEW) == (404, "notFound")
    status, left = await api.ask("GET", f"{EVENTS}/abc123")
    assert (status, left["status"], left.keys() & {"summary", "start"}) == (200, "cancelled", set())


async def test_version_is_looked_at_where_one_is_named(api: Api) -> None:
    _, made = await api.ask("POST", EVENTS, NEW)
    path = f"{EVENTS}/abc123"
    stale = {"If-Match": '"1"'}
    assert await refused(api, "PUT", path, NEW, **stale) == (412, "conditionNotMet")
    assert await refused(api, "DELETE", path, **stale) == (412, "conditionNotMet")
    status, changed = await api.ask(
        "PUT", path, made | {"summary": "x"}, **{"If-Match": made["etag"]}
    )
    assert (status, changed["summary"], changed["sequence"]) == (200, "x", 1)
    old = {**NEW, "sequence": 0}
    assert await refused(api, "PUT", path, old) == (400, "invalid")


async def test_what_is_googles_cannot_be_changed(api: Api) -> None:
    _, made = await api.ask("POST", EVENTS, NEW)
    body = made | {"iCalUID": "another@example.com"}
    assert await refused(api, "PUT", f"{EVENTS}/abc123", body) == (400, "invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "users/me/calendarList/nobody"),
        ("GET", "calendars/nobody/events?singleEvents=true"),
        ("GET", f"{EVENTS}/nothing"),
        ("DELETE", f"{EVENTS}/nothing"),
    ],
)
async def test_what_is_not_there_is_not_found(api: Api, method: str, path: str) -> None:
    assert await refused(api, method, path) == (404, "notFound")


async def test_calendar_list_page_that_is_none_is_refused(api: Api) -> None:
    for token in ("x", "3"):
        path = f"users/me/calendarList?pageToken={token}"
        assert await refused(api, "GET", path) == (400, "invalid")


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"id": ""}, "channelIdInvalid"),
        ({"id": "x" * 65}, "channelIdInvalid"),
        ({"type": "email"}, "invalid"),
        ({"token": "t" * 257}, "invalid"),
        ({"address": "http://example.com"}, "webhookUrlNotHttps"),
        ({"expiration": 7}, "badRequest"),
        ({"expiration": "soon"}, "badRequest"),
        ({"params": {"ttl": "60"}}, "invalid"),
    ],
)
async def test_channel_is_looked_at(api: Api, changed: dict[str, Any], word: str) -> None:
    assert await refused(api, "POST", f"{EVENTS}/watch", CHANNEL | changed) == (400, word)


async def test_channel_ends_by_both_of_its_names_alone(api: Api) -> None:
    _, channel = await api.ask("POST", f"{EVENTS}/watch", CHANNEL)
    wrong = {"id": "one", "resourceId": "another"}
    assert await refused(api, "POST", "channels/stop", wrong) == (404, "notFound")
    right = {"id": "one", "resourceId": channel["resourceId"]}
    assert await api.ask("POST", "channels/stop", right) == (204, None)
    assert await refused(api, "POST", "channels/stop", right) == (404, "notFound")


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"timeMin": "2027-03-02T00:00:00Z"}, "timeRangeEmpty"),
        ({"timeMin": "2027-03-01T00:00:00"}, "required"),
        ({"items": "x"}, "badRequest"),
        ({"items": [{"name": "x"}]}, "badRequest"),
        ({"groupExpansionMax": 1}, "invalid"),
    ],
)
async def test_question_for_free_times_is_looked_at(
    api: Api, changed: dict[str, Any], word: str
) -> None:
    body = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-02T00:00:00Z", "items": []}
    assert await refused(api, "POST", "freeBusy", body | changed) == (400, word)


def assertion(**changed: Any) -> str:
    """Sign what a service account signs, with something else in it."""
    key = read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"]))
    now = int(dt.datetime.now(dt.UTC).timestamp())
    claims = {
        "iss": key["client_email"],
        "aud": AUDIENCE,
        "scope": SCOPES[0],
        "iat": now,
        "exp": now + 3600,
        "sub": OWNER,
    }
    given = {k: v for k, v in (claims | changed).items() if v is not None}
    signed: bytes = jwt.encode(crypt.RSASigner.from_service_account_info(key), given)
    return signed.decode()


async def token_for(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, form: object
) -> tuple[int, Any]:
    async with http.post(f"{sandbox.base_url}/token", data=form) as answer:
        return answer.status, await answer.json()


async def test_assertion_with_all_that_belongs_in_it_is_a_token(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": assertion()}
    status, token = await token_for(http, sandbox, form)
    assert (status, token["token_type"], token["expires_in"]) == (200, "Bearer", 3599)


NOW: Final = int(dt.datetime.now(dt.UTC).timestamp())


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"iss": "somebody@example.com"}, "invalid_grant"),
        ({"aud": "https://example.com/token"}, "invalid_grant"),
        ({"exp": NOW - 3600}, "invalid_grant"),
        ({"iat": NOW + 3600}, "invalid_grant"),
        ({"iat": NOW - 3600}, "invalid_grant"),
        ({"exp": None}, "invalid_grant"),
        ({"scope": None}, "unauthorized_client"),
        ({"scope": "https://www.googleapis.com/auth/calendar"}, "unauthorized_client"),
        ({"sub": "somebody@example.com"}, "unauthorized_client"),
    ],
)
async def test_assertion_is_looked_at(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, changed: dict[str, Any], word: str
) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": assertion(**changed)}
    status, answer = await token_for(http, sandbox, form)
    assert (status in {400, 401}, answer["error"]) == (True, word)


def unsigned() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    return f"{head.decode().rstrip('=')}.{assertion().split('.')[1]}."


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": JWT_GRANT}, "invalid_request"),
        ({"grant_type": JWT_GRANT, "assertion": "x", "scope": "y"}, "invalid_request"),
        ({"grant_type": JWT_GRANT, "assertion": "x"}, "invalid_grant"),
        ({"grant_type": JWT_GRANT, "assertion": unsigned()}, "invalid_grant"),
        ([("grant_type", "x"), ("grant_type", "y")], "invalid_request"),
        ({"grant_type": REFRESH_GRANT, "client_id": "x"}, "invalid_request"),
    ],
)
async def test_question_for_a_token_is_looked_at(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox, form: object, word: str
) -> None:
    status, answer = await token_for(http, sandbox, form)
    assert (status, answer["error"]) == (400, word)


async def test_form_that_is_none_is_refused(
    http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=none"}
    async with http.post(f"{sandbox.base_url}/token", data=b"a=b", headers=headers) as answer:
        assert (await answer.json())["error"] == "invalid_request"


def test_two_accounts_are_two() -> None:
    one, other = (GoogleCalendarSandbox.new_credentials() for _ in range(2))
    assert not set(one.values()) & set(other.values()) - {OWNER}


async def test_notices_have_googles_headers(api: Api) -> None:
    await api.ask("POST", f"{EVENTS}/watch", CHANNEL | {"address": f"{HOST}/webhooks/gcal"})
    (channel,) = api.sandbox._channels.watching()
    request = channel.notice("exists")
    assert set(request.headers) == {
        "X-Goog-Channel-ID",
        "X-Goog-Channel-Token",
        "X-Goog-Channel-Expiration",
        "X-Goog-Resource-ID",
        "X-Goog-Resource-URI",
        "X-Goog-Resource-State",
        "X-Goog-Message-Number",
        "User-Agent",
    }
    assert (request.body, request.headers["X-Goog-Message-Number"]) == (b"", "2")
