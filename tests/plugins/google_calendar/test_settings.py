"""Settings: which belong together, and what a service account's key is."""

import base64
import json
from typing import Any

import pytest

from clientflow_core.errors import SettingsError
from clientflow_core.registry.organizations import load_for_organization
from clientflow_core.secret import Secret
from clientflow_core.settings import load_settings
from clientflow_plugins.google_calendar.settings import (
    GoogleCalendarSettings,
    own_account,
    read_service_account,
)
from tests.plugins.google_calendar.conftest import CONSENT, account, consent

SECRET = {"GOOGLE_CALENDAR_WEBHOOK_SECRET": "0123456789abcdef"}


def problems(**values: str) -> dict[str, str]:
    try:
        load_settings(GoogleCalendarSettings, SECRET | values)
    except SettingsError as error:
        return {one.env: one.problem for one in error.problems}
    return {}


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def key(**changed: Any) -> str:
    return encoded(
        {**read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"])), **changed}
    )


def test_service_account_alone_will_do() -> None:
    assert problems(GOOGLE_SVC_ACCOUNT_JSON=key()) == {}


def test_consent_of_a_user_alone_will_do() -> None:
    assert problems(**CONSENT) == {}


def test_one_of_both_must_be_there() -> None:
    assert problems() == {"GOOGLE_SVC_ACCOUNT_JSON": "is not set"}


def test_client_to_which_organizations_consent_will_do() -> None:
    client = {k: v for k, v in CONSENT.items() if "CLIENT" in k}
    assert problems(**client) == {}
    for env in client:
        other = {k: v for k, v in client.items() if k != env}
        assert problems(**other) == {env: "is not set"}


def test_both_are_one_too_many() -> None:
    told = problems(GOOGLE_SVC_ACCOUNT_JSON=key(), **CONSENT)
    assert list(told) == ["GOOGLE_CALENDAR_REFRESH_TOKEN"]


def test_refresh_token_needs_its_client() -> None:
    told = problems(GOOGLE_CALENDAR_REFRESH_TOKEN="1//x")
    assert told == {"GOOGLE_CLIENT_ID": "is not set", "GOOGLE_CLIENT_SECRET": "is not set"}


def test_subject_needs_a_service_account() -> None:
    told = problems(GOOGLE_CALENDAR_SUBJECT="owner@example.com", **CONSENT)
    assert list(told) == ["GOOGLE_CALENDAR_SUBJECT"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{}", "is not JSON in Base64"),
        ("e30", "is not JSON in Base64"),
        (base64.b64encode(b"[" * 100_000).decode(), "is not JSON in Base64"),
        (encoded([]), "is not the key of a service account"),
        (encoded({"type": "authorized_user"}), "is not the key of a service account"),
        (key(client_email=""), "has no client_email"),
        (key(private_key=None), "has no private_key"),
        (key(private_key_id=7), "has no private_key_id"),
    ],
)
def test_what_is_no_key_is_told_without_it(value: str, problem: str) -> None:
    assert problems(GOOGLE_SVC_ACCOUNT_JSON=value) == {"GOOGLE_SVC_ACCOUNT_JSON": problem}


@pytest.mark.parametrize(
    "values",
    [
        {"GOOGLE_CLIENT_ID": "abc.example.com"},
        {"GOOGLE_CALENDAR_WEBHOOK_SECRET": "too short"},
        {"GOOGLE_CALENDAR_SUBJECT": "owner"},
        {"GOOGLE_CALENDAR_API_BASE_URL": "https://user@example.com"},
    ],
)
def test_shape_of_a_value_is_looked_at(values: dict[str, str]) -> None:
    assert set(problems(GOOGLE_SVC_ACCOUNT_JSON=key(), **values)) == set(values)


def test_account_is_named_without_asking() -> None:
    values = dict(account())
    assert own_account(load_settings(GoogleCalendarSettings, values)) == "owner@salon.example.com"
    del values["GOOGLE_CALENDAR_SUBJECT"]
    assert own_account(load_settings(GoogleCalendarSettings, values)).startswith("calendars@")
    loaded = load_settings(GoogleCalendarSettings, consent())
    assert own_account(loaded) == CONSENT["GOOGLE_CLIENT_ID"]


def test_organization_brings_a_consent_and_is_lent_the_client() -> None:
    """Nothing of the operator's own account is lent to it."""
    operator = dict(account()) | {k: v for k, v in CONSENT.items() if "CLIENT" in k}
    own = {"GOOGLE_CALENDAR_REFRESH_TOKEN": "1//theirs"}
    loaded = load_for_organization(GoogleCalendarSettings, operator, own=own)
    assert loaded.service_account is None
    assert loaded.subject is None
    assert loaded.client_id == CONSENT["GOOGLE_CLIENT_ID"]
    assert loaded.webhook_secret.reveal() == operator["GOOGLE_CALENDAR_WEBHOOK_SECRET"]


@pytest.mark.parametrize("env", ["GOOGLE_CALENDAR_API_BASE_URL", "GOOGLE_CALENDAR_WEBHOOK_SECRET"])
def test_organization_cannot_set_where_we_call_or_what_proves_notices(env: str) -> None:
    own = {"GOOGLE_SVC_ACCOUNT_JSON": key(), env: "https://elsewhere.example/"}
    with pytest.raises(SettingsError) as raised:
        load_for_organization(GoogleCalendarSettings, SECRET, own=own)
    assert [one.env for one in raised.value.problems] == [env]
