"""Both sides held against Google's discovery document by a validator that is not the sandbox's.

The document comes with google-api-python-client (Apache-2.0).
"""

import datetime as dt
import functools
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it has none of its own
import pytest
from googleapiclient.discovery_cache import get_static_doc  # type: ignore[import-untyped]
from yarl import URL

from clientflow_core.domain.calendars import AllDay, Watch, WatchRequest
from clientflow_core.errors import ClientFlowError
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.sandbox.discovery import problems
from tests.plugins.google_calendar.conftest import HOUR, NINE, Answering, Api, draft
from tests.plugins.google_calendar.test_answers import EVENT
from tests.plugins.google_calendar.test_sandbox import CHANNEL, EVENTS, NEW

DOCUMENT: Final[dict[str, Any]] = json.loads(get_static_doc("calendar", "v3"))
FORMATS: Final = jsonschema.FormatChecker(formats=())
FORMATS.checks("date", raises=ValueError)(
    lambda value: not isinstance(value, str) or bool(dt.date.fromisoformat(value))
)
FORMATS.checks("date-time", raises=ValueError)(
    lambda value: not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None
)
FORMATS.checks("int64")(lambda value: bool(re.fullmatch("-?[0-9]+", str(value))))


def _closed(schema: Any) -> Any:
    """Refuse whatever the document does not name, and say what JSON Schema says in its words."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    # A property may be called "type" as well, and is then a schema.
    closed = {name: _closed(value) for name, value in schema.items() if not _is_remark(name, value)}
    return closed | ({"additionalProperties": False} if _has_properties(schema) else {})


def _is_remark(name: str, value: object) -> bool:
    is_any = name == "type" and value == "any"
    return is_any or (name in {"default", "id", "enumDescriptions"} and not isinstance(value, dict))


def _has_properties(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" and isinstance(schema.get("properties"), dict)


@functools.cache
def _definitions() -> dict[str, Any]:
    return {name: _closed(schema) for name, schema in DOCUMENT["schemas"].items()}


def check(name: str, value: object) -> None:
    """Hold *value* against the schema *name*."""
    schema = {"$ref": f"#/$defs/{name}", "$defs": _definitions()}
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(value)


async def test_answers_of_the_sandbox_are_googles(api: Api) -> None:
    await api.ask("POST", EVENTS, NEW | {"attendees": [{"email": "ada@example.com"}]})
    day = {"id": "wholeday", "start": {"date": "2027-03-01"}, "end": {"date": "2027-03-02"}}
    await api.ask("POST", EVENTS, day)
    busy = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-02T00:00:00Z"}
    asked: list[tuple[str, str, str, object]] = [
        ("CalendarList", "GET", "users/me/calendarList", None),
        ("CalendarListEntry", "GET", "users/me/calendarList/primary", None),
        ("Events", "GET", f"{EVENTS}?singleEvents=true", None),
        ("Event", "GET", f"{EVENTS}/abc123", None),
        ("Event", "POST", EVENTS, NEW | {"id": "another"}),
        ("Event", "PUT", f"{EVENTS}/abc123", NEW),
        ("Channel", "POST", f"{EVENTS}/watch", CHANNEL),
        ("FreeBusyResponse", "POST", "freeBusy", busy | {"items": [{"id": OWNER}, {"id": "x"}]}),
    ]
    for name, method, path, body in asked:
        status, answer = await api.ask(method, path, body)
        assert status == 200, answer
        check(name, answer)


async def test_series_and_what_is_gone_are_googles_as_well(api: Api) -> None:
    values = {"title": "Color", "starts_at": "2027-03-01T09:00:00+01:00"}
    (created,) = [one for one in api.sandbox.events() if one.name == "series.created"]
    made = created.happen(values).facts
    await api.ask("DELETE", f"{EVENTS}/{made['ids'][0]}")
    _, listed = await api.ask("GET", f"{EVENTS}?singleEvents=true")
    check("Events", listed)
    for name in (made["series"], *made["ids"]):
        _, event = await api.ask("GET", f"{EVENTS}/{name}")
        check("Event", event)


async def test_requests_of_the_plugin_are_what_google_takes(
    answered: GoogleCalendars, answering: Answering
) -> None:
    answering.body = json.dumps(EVENT | {"etag": '"1"'}).encode()
    asked = await _requests(answered, answering)
    assert {name for name, _, _ in asked} == {
        "calendarList.get",
        "calendarList.list",
        "channels.stop",
        "events.delete",
        "events.get",
        "events.insert",
        "events.list",
        "events.update",
        "events.watch",
        "freebusy.query",
    }
    for name, query, body in asked:
        resource, _, verb = name.partition(".")
        method = DOCUMENT["resources"][resource]["methods"][verb]
        _check_query(method, query)
        if "request" in method:
            check(method["request"]["$ref"], body)
            assert not list(problems(method["request"], body, "the body", method["id"]))
        else:
            assert body is None


def _check_query(method: Mapping[str, Any], query: Mapping[str, str]) -> None:
    known = method.get("parameters", {})
    # What the SDK adds wherever there is an answer to be read.
    assert query.get("alt", "json") == "json"
    for name in query.keys() - {"alt"}:
        kind, text = known[name]["type"], query[name]
        words = known[name].get("format")
        value: object = text
        if kind != "string":
            value = json.loads(text)
        schema = {"type": kind} | ({"format": words} if words else {})
        jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(value)


async def _requests(
    calendars: GoogleCalendars, answering: Answering
) -> list[tuple[str, dict[str, str], Any]]:
    """Let the plugin do all that it can, and give what it has asked, by the method's name."""
    day = AllDay(first=NINE.date(), last=NINE.date())
    watch = WatchRequest(provider_calendar_id=OWNER, id=uuid.uuid4(), address="https://a.example")
    ended = Watch(id=uuid.uuid4(), provider_watch_id="r", expires_at=NINE)
    for work in (
        calendars.verify(),
        calendars.list_calendars(),
        calendars.sync(OWNER, cursor=None),
        calendars.sync(OWNER, cursor="syncToken=x&pageToken=y"),
        calendars.put_event(OWNER, draft(attendees=("ada@example.com",), is_busy=False)),
        calendars.put_event(OWNER, draft(time=day)),
        calendars.put_event(OWNER, draft(), etag='"1"'),
        calendars.delete_event(OWNER, "abc", etag='"1"'),
        calendars.list_busy_times([OWNER, "x"], starts_at=NINE, ends_at=NINE + HOUR),
        calendars.watch(watch),
        calendars.end_watch(ended),
    ):
        try:
            await work
        except ClientFlowError:
            # What is answered is an event, whatever was asked.
            continue
    return [_told(one) for one in answering.bodies]


def _told(asked: tuple[str, URL, bytes]) -> tuple[str, dict[str, str], Any]:
    verb, url, body = asked
    path = url.path.removeprefix("/calendar/v3/")
    return _name_of(verb, path), dict(url.query), json.loads(body) if body else None


def _name_of(verb: str, path: str) -> str:
    for resource, about in DOCUMENT["resources"].items():
        for name, method in about["methods"].items():
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", method["path"])
            if method["httpMethod"] == verb and re.fullmatch(pattern, path):
                return f"{resource}.{name}"
    pytest.fail(f"{verb} {path} is no method of the API")


def test_both_validators_can_fail() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check("Event", {"title": "x"})
    with pytest.raises(jsonschema.ValidationError):
        check("Event", {"start": {"dateTime": "2027-03-01T09:00:00"}})
    method = DOCUMENT["resources"]["events"]["methods"]["insert"]
    assert list(problems(method["request"], {"summary": 7}, "the body", method["id"])) == [
        "the body.summary must be string",
        "the body lacks end",
        "the body lacks start",
    ]
