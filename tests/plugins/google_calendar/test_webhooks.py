"""Verifying and parsing, without a network: notices as Google documents them, and forgeries."""

import json
import uuid
from pathlib import Path

import attrs
import pytest
from googleapiclient.channel import (  # type: ignore[import-untyped]
    Channel,
    notification_from_headers,
)

from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.webhooks import (
    CHANGES,
    TOKEN_HEADER,
    make_token,
    parse_change,
    verify_change,
)
from tests.plugins.google_calendar.conftest import CONSENT

pytestmark = pytest.mark.proves("TI4")

FOLDER = Path(__file__).parent / "payloads"
WATCH = uuid.UUID("4ba78bf0-6a47-11e2-bcfd-0800200c9a66")
SECRET = Secret("0123456789abcdef")
SETTINGS = GoogleCalendarSettings(
    webhook_secret=SECRET, client_id=CONSENT["GOOGLE_CLIENT_ID"], refresh_token=Secret("1//x")
)


def load(name: str, **changed: str | None) -> WebhookRequest:
    """Give a notice that Google documents, with the token of its watch."""
    headers = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["headers"]
    given = {k.lower(): v for k, v in headers.items()} | {TOKEN_HEADER: make_token(WATCH, SECRET)}
    given |= {k.replace("_", "-"): v for k, v in changed.items()}
    return WebhookRequest(
        method="POST",
        url="https://clientflow.example.com/webhooks/gcal",
        headers={k: v for k, v in given.items() if v is not None},
        body=b"",
    )


def test_change_is_proven_and_names_its_watch() -> None:
    request = load("notice_exists")
    verified = verify_change(request, SETTINGS)
    assert verified.external_id == f"{WATCH}/10"
    assert verified.account == CONSENT["GOOGLE_CLIENT_ID"]
    assert parse_change(request) == (CalendarChanged(watch_id=WATCH),)


def test_beginning_of_a_watch_is_proven_and_means_nothing() -> None:
    request = load("notice_sync")
    assert verify_change(request, SETTINGS).external_id == f"{WATCH}/1"
    assert parse_change(request) == ()


def test_calendar_that_is_gone_is_a_change_too() -> None:
    assert parse_change(load("notice_exists", x_goog_resource_state="not_exists"))


def test_sdk_reads_the_same_and_looks_at_no_token() -> None:
    """Which is why the token is compared by us."""
    request = load("notice_exists", x_goog_channel_token="anything")
    channel = Channel("web_hook", str(WATCH), "", "https://clientflow.example.com/webhooks/gcal")
    read = notification_from_headers(channel, dict(request.headers))
    assert (read.message_number, read.state) == (10, "exists")
    with pytest.raises(SignatureRefused):
        verify_change(request, SETTINGS)


@pytest.mark.parametrize(
    "token",
    [None, "", "the token of the channel", make_token(uuid.UUID(int=7), SECRET), "\udce9", "é"],
)
def test_other_token_is_refused(token: str | None) -> None:
    with pytest.raises(SignatureRefused):
        verify_change(load("notice_exists", x_goog_channel_token=token), SETTINGS)


def test_token_of_another_secret_is_refused() -> None:
    other = attrs.evolve(SETTINGS, webhook_secret=Secret("fedcba9876543210"))
    with pytest.raises(SignatureRefused, match=str(WATCH)):
        verify_change(load("notice_exists"), other)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x_goog_channel_id", None),
        ("x_goog_channel_id", "4BA78BF0-6A47-11E2-BCFD-0800200C9A66"),
        ("x_goog_channel_id", "1"),
        ("x_goog_message_number", None),
        ("x_goog_message_number", "-1"),
        ("x_goog_message_number", "1" * 19),
        ("x_goog_resource_state", None),
        ("x_goog_resource_state", "Exists!"),
    ],
)
def test_headers_that_are_not_googles_are_bad(header: str, value: str | None) -> None:
    request = load("notice_exists", **{header: value})
    with pytest.raises(BadPayload):
        verify_change(request, SETTINGS)
    with pytest.raises(BadPayload):
        parse_change(request)


def test_token_is_not_kept() -> None:
    assert TOKEN_HEADER not in CHANGES.keep_headers
    assert CHANGES.path == "/webhooks/gcal"
