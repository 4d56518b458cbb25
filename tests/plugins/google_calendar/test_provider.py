"""The calendars through the real SDK: against the sandbox, and against answers that are odd."""

import asyncio
import datetime as dt
import itertools
import json
import sys
import uuid
from http import HTTPStatus
from typing import Any

import aiohttp
import attrs
import pytest

from clientflow_core.domain.calendars import (
    AllDay,
    CalendarEvent,
    EventRemoved,
    Timed,
    Watch,
    WatchRequest,
)
from clientflow_core.errors import (
    CursorExpired,
    EditConflict,
    OutcomeUnknown,
    PluginError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.calendar import SupportsPush
from clientflow_core.providers.spec import Capability, ProviderContext
from clientflow_core.sandbox import Answer, CallFault, ControlBody
from clientflow_core.settings import load_settings
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.spec import GOOGLE_CALENDAR
from clientflow_plugins.google_calendar.webhooks import make_token
from tests.plugins.google_calendar.conftest import (
    HOST,
    HOUR,
    NINE,
    Answering,
    Api,
    consent,
    draft,
)

TEAM = "c_salon@group.calendar.google.com"
HOLIDAYS = "en.usa#holiday@group.v.calendar.google.com"
Change = CalendarEvent | EventRemoved


async def pulled(calendars: GoogleCalendars, cursor: str | None) -> tuple[list[Change], str]:
    """Give all that has changed, and where to go on."""
    changes: list[Change] = []
    while True:
        page = await calendars.sync(OWNER, cursor=cursor)
        changes += page.changes
        cursor = page.cursor
        if page.is_last:
            return changes, cursor


async def happen(sandbox: GoogleCalendarSandbox, event: str, **fields: str) -> Any:
    return await sandbox.inbound(ControlBody({"event": event, **fields}))


def asked(sandbox: GoogleCalendarSandbox, method: str) -> list[str]:
    return [call.path for call in sandbox.calls if call.method == method]


def test_the_declared_ability_is_there(calendars: GoogleCalendars) -> None:
    assert Capability.PUSH in GOOGLE_CALENDAR.capabilities
    assert isinstance(calendars, SupportsPush)


async def test_calendars_come_from_all_pages(calendars: GoogleCalendars) -> None:
    found = await calendars.list_calendars()
    assert [(one.provider_calendar_id, one.title, one.is_writable) for one in found] == [
        (OWNER, OWNER, True),
        (TEAM, "The team", True),
        (HOLIDAYS, "Holidays", False),
    ]
    assert {one.time_zone for one in found} == {"Europe/Berlin", "America/New_York"}


async def test_name_with_a_hash_is_one_name(calendars: GoogleCalendars) -> None:
    assert (await calendars.sync(HOLIDAYS, cursor=None)).is_last


async def test_calendar_that_may_only_be_read_refuses_for_good(calendars: GoogleCalendars) -> None:
    """That says nothing of the credentials, which are good."""
    with pytest.raises(ProviderRefused) as raised:
        await calendars.put_event(HOLIDAYS, draft())
    assert type(raised.value) is ProviderRefused
    assert raised.value.provider_code == "requiredAccessLevel"


async def test_event_has_our_id_and_all_that_was_said(calendars: GoogleCalendars) -> None:
    new = draft(
        description="Bring <b>nothing</b>",
        location="Main street 1",
        attendees=("ada@example.com",),
        is_busy=False,
    )
    event = await calendars.put_event(OWNER, new)
    assert event.provider_event_id == new.id.hex
    assert event.ical_uid == f"{new.id.hex}@google.com"
    assert event.etag.startswith('"')
    for name in ("title", "description", "location", "attendees", "is_busy"):
        assert getattr(event, name) == getattr(new, name)


async def test_google_tells_those_who_are_asked_to_come(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    """So that they get its e-mails, and none of ours beside them."""
    new = draft(attendees=("ada@example.com",))
    event = await calendars.put_event(OWNER, new)
    change = draft(
        title="moved", attendees=new.attendees, provider_event_id=event.provider_event_id
    )
    changed = await calendars.put_event(OWNER, change, etag=event.etag)
    await calendars.delete_event(OWNER, changed.provider_event_id, etag=changed.etag)
    name, people = event.provider_event_id, ["ada@example.com"]
    assert sandbox.state()["invitations"] == [
        {"event": name, "news": news, "to": people}
        for news in ("invited", "told of a change", "called off")
    ]
    assert GOOGLE_CALENDAR.sends_invitations


async def test_event_that_was_taken_out_is_not_put_again(calendars: GoogleCalendars) -> None:
    """Google keeps its id for ever: to put it once more is a conflict with who took it out."""
    new = draft()
    event = await calendars.put_event(OWNER, new)
    await calendars.delete_event(OWNER, event.provider_event_id)
    with pytest.raises(EditConflict, match="taken out"):
        await calendars.put_event(OWNER, new)


async def test_change_keeps_what_a_draft_does_not_speak_of(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    new = draft(attendees=("ada@example.com", "ben@example.com"))
    event = await calendars.put_event(OWNER, new)
    entry = sandbox._diary.sheets[OWNER].entries[event.provider_event_id]
    entry.fields["attendees"][0]["responseStatus"] = "accepted"
    change = attrs.evolve(new, title="Later", attendees=("ada@example.com", "cleo@example.com"))
    changed = await calendars.put_event(OWNER, change, etag=event.etag)
    assert changed.title == "Later"
    assert changed.ical_uid == event.ical_uid
    assert [(one["email"], one["responseStatus"]) for one in entry.fields["attendees"]] == [
        ("ada@example.com", "accepted"),
        ("cleo@example.com", "needsAction"),
    ]


async def test_change_that_somebody_makes_meanwhile_wins(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is looked at by Google as well, between our reading and our writing."""
    new = draft()
    event = await calendars.put_event(OWNER, new)
    current = calendars._current

    async def meanwhile(calendar: str, name: str) -> Any:
        found = await current(calendar, name)
        await happen(sandbox, "event.changed", id=name, title="theirs")
        return found

    monkeypatch.setattr(calendars, "_current", meanwhile)
    with pytest.raises(EditConflict, match="HTTP 412"):
        await calendars.put_event(OWNER, attrs.evolve(new, title="ours"), etag=event.etag)


async def test_change_of_an_event_that_never_was_is_a_conflict(calendars: GoogleCalendars) -> None:
    with pytest.raises(EditConflict, match="taken out"):
        await calendars.put_event(OWNER, draft(), etag='"1"')


async def test_one_time_of_a_series_is_changed_by_itself(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    made = await happen(sandbox, "series.created")
    changes, cursor = await pulled(calendars, None)
    times = [one for one in changes if isinstance(one, CalendarEvent) and one.provider_series_id]
    assert [one.provider_event_id for one in times] == made["ids"]
    assert {one.provider_series_id for one in times} == {made["series"]}
    starts = [one.time.starts_at for one in times if isinstance(one.time, Timed)]
    assert {later - one for one, later in itertools.pairwise(starts)} == {dt.timedelta(weeks=9)}
    second = times[1]
    change = draft(title="moved", time=second.time, provider_event_id=second.provider_event_id)
    moved = await calendars.put_event(OWNER, change, etag=second.etag)
    assert moved.provider_series_id == made["series"]
    changes, _ = await pulled(calendars, cursor)
    assert changes == [moved]


async def test_one_time_of_a_series_is_taken_out_by_itself(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    made = await happen(sandbox, "series.created")
    _, cursor = await pulled(calendars, None)
    await calendars.delete_event(OWNER, made["ids"][1])
    changes, _ = await pulled(calendars, cursor)
    assert changes == [EventRemoved(provider_event_id=made["ids"][1])]


async def test_series_that_is_taken_out_is_told_by_its_name(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    """Google tells of its times in the next half year alone; the last one is later."""
    made = await happen(sandbox, "series.created")
    _, cursor = await pulled(calendars, None)
    await happen(sandbox, "series.removed")
    changes, _ = await pulled(calendars, cursor)
    names = [one.provider_event_id for one in changes]
    assert made["ids"][-1] not in names
    assert names == [made["series"], *made["ids"][:-1]]
    assert all(isinstance(one, EventRemoved) for one in changes)


async def test_series_of_which_nobody_knows_is_asked_for_again(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the page would be written down, and the times that it leaves out stay for ever."""
    made = await happen(sandbox, "series.created")
    _, cursor = await pulled(calendars, None)
    await happen(sandbox, "series.removed")

    async def broken(*_: str) -> bool:
        msg = "not now"
        raise ProviderUnavailable(msg)

    with monkeypatch.context() as patch:
        patch.setattr(calendars, "_is_gone", broken)
        with pytest.raises(ProviderUnavailable):
            await calendars.sync(OWNER, cursor=cursor)
    changes, _ = await pulled(calendars, cursor)
    assert changes[0] == EventRemoved(provider_event_id=made["series"])


async def test_series_is_taken_out_whole_by_us(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    made = await happen(sandbox, "series.created")
    _, cursor = await pulled(calendars, None)
    await calendars.delete_event(OWNER, made["series"])
    changes, _ = await pulled(calendars, cursor)
    assert changes[0] == EventRemoved(provider_event_id=made["series"])


async def test_what_ended_more_than_a_year_ago_does_not_come(calendars: GoogleCalendars) -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=400)
    old = Timed(starts_at=long_ago, ends_at=long_ago + HOUR, time_zone="UTC")
    event = await calendars.put_event(OWNER, draft(time=old))
    changes, _ = await pulled(calendars, None)
    assert event not in changes


async def test_pages_of_one_answer_are_asked_for_in_the_same_words(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    """Also when days go by between them."""
    for _ in range(11):
        await calendars.put_event(OWNER, draft())
    page = await calendars.sync(OWNER, cursor=None)
    assert not page.is_last
    assert "timeMin=" in page.cursor
    assert "pageToken=" in page.cursor
    assert (await calendars.sync(OWNER, cursor=page.cursor)).is_last
    first, second = (one.partition("?")[2] for one in asked(sandbox, "GET"))
    assert second.startswith(first.replace("&alt=json", ""))


@pytest.mark.parametrize(
    "cursor", ["", "x", "q=1", "syncToken=x", "timeMin=x&pageToken=x", "syncToken"]
)
async def test_cursor_that_google_cannot_read_has_expired(
    calendars: GoogleCalendars, cursor: str
) -> None:
    with pytest.raises(CursorExpired):
        await calendars.sync(OWNER, cursor=cursor)


async def test_page_of_a_proxy_does_not_expire_a_cursor(
    answered: GoogleCalendars, answering: Answering
) -> None:
    answering.status, answering.body = 410, b"<html>"
    with pytest.raises(ProviderUnavailable):
        await answered.sync(OWNER, cursor="syncToken=x")


async def test_refusal_at_the_beginning_is_none_of_a_cursor(
    answered: GoogleCalendars, answering: Answering
) -> None:
    answering.status = 400
    answering.body = b'{"error": {"message": "No.", "errors": [{"reason": "invalid"}]}}'
    with pytest.raises(RejectedInput):
        await answered.sync(OWNER, cursor=None)


async def test_many_calendars_are_asked_for_fifty_at_a_time(
    answered: GoogleCalendars, answering: Answering
) -> None:
    names = [f"c{number}" for number in range(51)]
    answering.body = json.dumps({"calendars": {one: {"busy": []} for one in names}}).encode()
    assert await answered.list_busy_times(names, starts_at=NINE, ends_at=NINE + HOUR) == []
    assert len(answering.asked) == 2
    assert await answered.list_busy_times([], starts_at=NINE, ends_at=NINE + HOUR) == []
    assert len(answering.asked) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"errors": [{"reason": "notFound"}], "busy": []}, RejectedInput),
        ({"errors": [{"reason": "backendError"}]}, ProviderUnavailable),
        ({"errors": [{}]}, ProviderUnavailable),
        (
            {"busy": [{"start": "2027-03-01T09:00:00", "end": "2027-03-01T10:00:00"}]},
            ProviderUnavailable,
        ),
        (None, ProviderUnavailable),
    ],
)
async def test_calendar_without_an_answer_is_not_free(
    answered: GoogleCalendars, answering: Answering, answer: object, kind: type[Exception]
) -> None:
    answering.body = json.dumps({"calendars": {"c": answer} if answer else {}}).encode()
    with pytest.raises(kind):
        await answered.list_busy_times(["c"], starts_at=NINE, ends_at=NINE + HOUR)


async def test_whole_days_are_taken_by_the_clocks_of_the_calendar(
    calendars: GoogleCalendars,
) -> None:
    day = NINE.date()
    await calendars.put_event(OWNER, draft(time=AllDay(first=day, last=day)))
    (taken,) = await calendars.list_busy_times(
        [OWNER], starts_at=NINE - dt.timedelta(days=2), ends_at=NINE + dt.timedelta(days=2)
    )
    assert taken.starts_at == dt.datetime(2027, 2, 28, 23, tzinfo=dt.UTC)
    assert taken.ends_at == dt.datetime(2027, 3, 1, 23, tzinfo=dt.UTC)


async def test_watch_has_a_token_of_its_own(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, settings: GoogleCalendarSettings
) -> None:
    request = WatchRequest(
        provider_calendar_id=OWNER, id=uuid.uuid4(), address=f"{HOST}/webhooks/gcal"
    )
    watch = await calendars.watch(request)
    (channel,) = sandbox._channels.watching()
    assert channel.token == make_token(request.id, settings.webhook_secret)
    assert watch.provider_watch_id == channel.resource_id
    assert dt.timedelta(days=6) < watch.expires_at - dt.datetime.now(dt.UTC)
    with pytest.raises(RejectedInput) as raised:
        await calendars.watch(request)
    assert raised.value.provider_code == "channelIdNotUnique"


async def test_address_without_https_is_refused(calendars: GoogleCalendars) -> None:
    request = WatchRequest(
        provider_calendar_id=OWNER, id=uuid.uuid4(), address="http://example.com/webhooks/gcal"
    )
    with pytest.raises(RejectedInput, match="must be HTTPS"):
        await calendars.watch(request)


async def test_watch_that_google_has_ended_is_over_without_an_error(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox
) -> None:
    request = WatchRequest(
        provider_calendar_id=OWNER, id=uuid.uuid4(), address="https://example.com/webhooks/gcal"
    )
    watch = await calendars.watch(request)
    await happen(sandbox, "channels.expired")
    await calendars.end_watch(watch)
    assert not list(sandbox._channels.watching())


async def test_argument_that_the_sdk_does_not_take_is_a_value_that_is_refused(
    calendars: GoogleCalendars,
) -> None:
    with pytest.raises(RejectedInput, match="unexpected keyword"):
        await calendars._ask(calendars._api.events.list, calendarId="c", no_such_thing=1)


async def test_answer_that_lacks_something_leaves_open_what_was_done(
    answered: GoogleCalendars, answering: Answering
) -> None:
    with pytest.raises(OutcomeUnknown, match="lacks something"):
        await answered.put_event(OWNER, draft())
    watch = WatchRequest(provider_calendar_id=OWNER, id=uuid.uuid4(), address="https://a.example")
    with pytest.raises(OutcomeUnknown, match="lacks something"):
        await answered.watch(watch)
    for reading in (answered.verify(), answered.sync(OWNER, cursor=None)):
        with pytest.raises(ProviderUnavailable, match="lacks something"):
            await reading


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'{"items": 7}', b'{"items": [[]]}'])
async def test_answer_of_another_shape_is_none(
    answered: GoogleCalendars, answering: Answering, body: bytes
) -> None:
    answering.body = body
    with pytest.raises(OutcomeUnknown):
        await answered.put_event(OWNER, draft())
    for reading in (
        answered.verify(),
        answered.list_calendars(),
        answered.sync(OWNER, cursor=None),
        answered.list_busy_times(["c"], starts_at=NINE, ends_at=NINE + HOUR),
    ):
        with pytest.raises(ProviderUnavailable):
            await reading


async def test_redirect_is_not_followed_with_the_token(
    answered: GoogleCalendars, answering: Answering
) -> None:
    answering.status, answering.headers = HTTPStatus.FOUND, {"Location": "/elsewhere"}
    with pytest.raises(ProviderUnavailable):
        await answered.verify()
    assert len(answering.asked) == 1


async def test_nothing_is_repeated(answered: GoogleCalendars, answering: Answering) -> None:
    answering.status = 503
    with pytest.raises(OutcomeUnknown):
        await answered.put_event(OWNER, draft())
    assert len(answering.asked) == 1


async def test_quota_is_told_with_its_wait(answered: GoogleCalendars, answering: Answering) -> None:
    answering.status, answering.headers = 403, {"Retry-After": "9"}
    answering.body = (
        b'{"error": {"message": "No.", "errors": [{"reason": "userRateLimitExceeded"}]}}'
    )
    with pytest.raises(RateLimited) as raised:
        await answered.verify()
    assert raised.value.retry_after_seconds == 9


async def test_refusal_of_another_kind_is_not_taken_for_something_gone(
    answered: GoogleCalendars, answering: Answering
) -> None:
    answering.status = 400
    answering.body = b'{"error": {"message": "No.", "errors": [{"reason": "invalid"}]}}'
    watch = Watch(id=uuid.uuid4(), provider_watch_id="r", expires_at=NINE)
    for work in (
        answered.delete_event(OWNER, "abc"),
        answered.end_watch(watch),
        answered.put_event(OWNER, draft(), etag='"1"'),
    ):
        with pytest.raises(RejectedInput):
            await work


async def test_sdk_that_is_missing_is_told_with_what_installs_it(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.google_calendar.provider", None)
    with pytest.raises(PluginError, match=r"clientflow\[google_calendar\]"):
        async with GOOGLE_CALENDAR.open(ProviderContext(http=http), settings):
            pytest.fail("it was opened")


async def test_nothing_that_is_said_is_logged(
    calendars: GoogleCalendars, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"), caplog.at_level("DEBUG", logger="google"):
        await calendars.put_event(OWNER, draft(title="Haircut for Ada"))
    told = [f"{one.getMessage()} {vars(one)}" for one in caplog.records if one.name[:6] == "google"]
    assert not [one for one in told if "Haircut for Ada" in one or "ya29." in one or OWNER in one]


async def test_silence_has_an_end(
    http: aiohttp.ClientSession, settings: GoogleCalendarSettings, sandbox: GoogleCalendarSandbox
) -> None:
    calendars = GoogleCalendars(ProviderContext(http=http), settings)
    await calendars.verify()
    calendars._total_seconds = 0.1
    sandbox.faults.call = CallFault(calls=1, answer=Answer.TIMEOUT)
    with pytest.raises(OutcomeUnknown):
        await calendars.put_event(OWNER, draft())


async def test_answer_that_drips_has_an_end(
    http: aiohttp.ClientSession, answering: Answering
) -> None:
    values = {**consent(), "GOOGLE_CALENDAR_API_BASE_URL": answering.url}
    loaded = load_settings(GoogleCalendarSettings, values)
    calendars = GoogleCalendars(ProviderContext(http=http), loaded, total_seconds=0.2)
    answering.drips = True
    with pytest.raises(OutcomeUnknown):
        await calendars.put_event(OWNER, draft())
    with pytest.raises(ProviderUnavailable):
        await calendars.verify()


async def test_session_is_left_open_even_when_the_sdk_closes_it(
    http: aiohttp.ClientSession, calendars: GoogleCalendars
) -> None:
    await calendars._session.close()
    assert not http.closed
    assert await calendars.verify() == OWNER


async def test_watch_of_a_calendar_is_asked_for_as_google_documents_it(
    answered: GoogleCalendars, answering: Answering
) -> None:
    watch = Watch(id=uuid.uuid4(), provider_watch_id="r", expires_at=NINE)
    answering.status, answering.body = 204, b""
    await answered.end_watch(watch)
    (request,) = answering.asked
    assert (request.method, request.path) == ("POST", "/calendar/v3/channels/stop")
    assert await request.json() == {"id": str(watch.id), "resourceId": "r"}


async def test_all_at_once_use_the_one_session(
    calendars: GoogleCalendars, http: aiohttp.ClientSession, api: Api
) -> None:
    await asyncio.gather(*(calendars.put_event(OWNER, draft()) for _ in range(20)))
    status, listed = await api.ask("GET", f"calendars/{OWNER}/events?singleEvents=true")
    assert status == 200
    assert len(listed["items"]) == 10
    assert listed["nextPageToken"]


async def test_a_change_is_sent_once_though_a_kept_connection_breaks(
    answered: GoogleCalendars, answering: Answering
) -> None:
    await answered.list_calendars()
    answering.breaks = True
    with pytest.raises(OutcomeUnknown):
        await answered.delete_event("a@example.com", "abc")
    assert [one.method for one in answering.asked] == ["GET", "DELETE"]
