"""What schemathesis cannot read in a document: hooks that it loads, see schemathesis.toml.

None of them touches a request that is meant to be refused, nor an answer.
"""

import datetime as dt
import hashlib
import json
import os
import re
from typing import Any, Final
from urllib.parse import parse_qsl

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from clientflow_core.secret import Secret
from clientflow_plugins.ledger.webhooks import sign_change
from tests.host.calendars import FOLLOWED
from tests.texts import report, signed_headers, text

ATTACHMENT_ENV: Final = "CLIENTFLOW_TEST_ATTACHMENT"
CALENDAR_ENV: Final = "CLIENTFLOW_TEST_CALENDAR"
EVENTS_ENV: Final = "CLIENTFLOW_TEST_EVENTS"
JOB_ENV: Final = "CLIENTFLOW_TEST_JOB"
FEED_TOKEN: Final = "an-address-that-only-the-tests-know"
LEDGER_PATH: Final = "/webhooks/ledger"
LEDGER_SECRET: Final = "a secret of the tests alone"
_KEY: Final = "Idempotency-Key"
_USABLE_KEY: Final = re.compile(r"[!-~]{1,255}")
_FORM: Final = "application/x-www-form-urlencoded"
# Numbers of several countries, as people write them.
_PHONES: Final = st.one_of(
    st.integers(2_000_000, 9_999_999).map("+1415{}".format),
    st.integers(100, 999).map("+1 (415) 555-0{}".format),
    st.integers(10_000_000, 99_999_999).map("+49 30 {}".format),
)

_SETTINGS: Final = {
    "TWILIO_ACCOUNT_SID": f"AC{'1' * 32}",
    "TWILIO_AUTH_TOKEN": "a token",
    "TWILIO_PHONE_NUMBER": "+15550100100",
}

_WHEN: Final[dict[str, Any]] = {
    "starts_at": "2027-01-05T09:00:00Z",
    "ends_at": "2027-01-05T10:00:00Z",
    "time_zone": "Europe/Berlin",
    "attendees": ["eva@example.com"],
}

schemathesis.openapi.format("phone", _PHONES)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Take out the answer of every other status: it would make any status a published one."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("default")


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Make a request that is meant to be taken one that its sender could have sent."""
    if not is_positive(case):
        return
    if _USABLE_KEY.fullmatch(str(case.headers.get(_KEY, ""))):
        case.headers[_KEY] = key_of_its_own(case)
    if case.path == LEDGER_PATH:
        sign_for_ledger(case)
    elif case.media_type == _FORM:
        sign(case)
    if case.path.endswith("/providers/{name}/settings") and case.method == "PUT":
        # Which settings there are is known at the start only; the document cannot say it.
        case.path_parameters["name"] = "twilio"
        case.body = {"values": {**_SETTINGS}}
    if case.path == "/api/v1/calendars" and case.method == "POST":
        # Which calendars there are is known to their provider; this one is followed already.
        case.body = {"provider": "caldav", "provider_calendar_id": FOLLOWED}
    if "/calendars/{calendar_id}/events" in case.path and case.method in {"POST", "PUT"}:
        # Which moment is the later one, and which zones there are, the document cannot say.
        assert isinstance(case.body, dict)
        case.body = {**case.body, **_WHEN, "contact_id": None}
    find_in_calendar(case)
    if case.path.startswith("/api/v1/attachments/"):
        # The ids of files stand deep in their messages, where nothing is looked for.
        case.path_parameters["attachment_id"] = os.environ[ATTACHMENT_ENV]
    if case.path.startswith("/api/v1/jobs/{job_id}"):
        # Made by what goes wrong, and by no request.
        case.path_parameters["job_id"] = os.environ[JOB_ENV]
    if case.path == "/api/v1/billing/checkout":
        # What is on sale is known to who sells it.
        case.body = {"plan_key": "starter"}
    if case.path.startswith("/api/v1/failover-rules/") and case.method == "PUT":
        # Only channels of the organization stand in, and their ids are known to it alone.
        case.body = {"channel_ids": []}


def find_in_calendar(case: Case[Any]) -> None:
    """Name what is there: a secret stands in no answer, and an event is gone when it is deleted."""
    if case.path == "/calendars/{token}.ics":
        case.path_parameters["token"] = FEED_TOKEN
    if case.path.startswith("/api/v1/calendars/{calendar_id}/"):
        case.path_parameters["calendar_id"] = os.environ[CALENDAR_ENV]
    if case.path.endswith("/events/{event_id}"):
        kept, *others = os.environ[EVENTS_ENV].split()
        is_gone = case.method == "DELETE" and others
        case.path_parameters["event_id"] = others[0] if is_gone else kept


def is_positive(case: Case[Any]) -> bool:
    """Tell whether all of *case* is as published."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return False
    return all(component.mode.is_positive for component in case.meta.components.values())


def key_of_its_own(case: Case[Any]) -> str:
    """Give the key that only this request has, and its repetition."""
    request = (case.headers[_KEY], case.formatted_path, case.query, case.body)
    return hashlib.sha256(repr(request).encode()).hexdigest()


def sign(case: Case[Any]) -> None:
    """Make of a webhook what Twilio sends: its fields with all that was generated, signed."""
    is_report = case.path.endswith("-status")
    fields = {
        **generated_fields(case),
        **(report("SM" + "0" * 32, "sent") if is_report else text()),
    }
    case.body = {**fields}
    case.headers.update(signed_headers(f"{case.operation.base_url.rstrip('/')}{case.path}", fields))


def sign_for_ledger(case: Case[Any]) -> None:
    """Make of a webhook what the ledger sends, about nobody's subscription."""
    body, headers = sign_change(
        event_id=hashlib.sha256(repr(case.body).encode()).hexdigest(),
        customer="lcus_1",
        subscription="lsub_1",
        secret=Secret(LEDGER_SECRET),
        now=dt.datetime.now(dt.UTC),
    )
    # Written again as it was: both have the standard library do it.
    case.body = json.loads(body)
    case.headers.update(headers)


def generated_fields(case: Case[Any]) -> dict[str, str]:
    """Give the fields of the form that was generated."""
    if isinstance(case.body, dict):
        return {str(name): str(value) for name, value in case.body.items()}
    return (
        dict(parse_qsl(case.body.decode(errors="replace"))) if isinstance(case.body, bytes) else {}
    )
