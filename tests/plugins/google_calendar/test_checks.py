"""What the checklist tells of the account, asked of the sandbox."""

import base64
import json
from typing import Final

import pytest

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import new_service_account
from clientflow_plugins.google_calendar.settings import read_service_account
from tests.checked import checked
from tests.plugins.google_calendar.conftest import CONSENT, account, consent

PUBLIC: Final = "https://clientflow.example.com"


async def told(
    sandbox: GoogleCalendarSandbox, *, public_url: str = PUBLIC, **changed: str
) -> dict[str, CheckResult]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["google_calendar"]) as registry:
        return await checked(registry, public_url=public_url)


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


async def test_service_account_as_it_should_be_passes(sandbox: GoogleCalendarSandbox) -> None:
    items = await told(sandbox)
    assert states(items) == {
        "EC1": "passed",
        "EC2": "skipped",
        "EC3": "skipped",
        "EC4": "passed",
        "EC6": "passed",
    }
    assert "calendars@clientflow-sandbox.iam.gserviceaccount.com" in items["EC1"].found
    assert items["EC4"].found == "it reaches 3 calendars, and may write to 2"
    assert items["EC6"].found == f"{PUBLIC}/webhooks/gcal"


async def test_account_that_acts_for_no_user_is_told_to_invite_nobody(
    sandbox: GoogleCalendarSandbox,
) -> None:
    item = (await told(sandbox, GOOGLE_CALENDAR_SUBJECT=""))["EC4"]
    assert item.status.value == "passed"
    assert "cannot invite anybody" in item.found


async def test_another_key_fails_with_a_hint(sandbox: GoogleCalendarSandbox) -> None:
    items = await told(sandbox, GOOGLE_SVC_ACCOUNT_JSON=new_service_account())
    assert states(items)["EC1"] == "passed"
    assert states(items)["EC4"] == "failed"
    assert "enable the Calendar API" in items["EC4"].hint


async def test_private_key_that_is_none_fails_and_is_not_shown(
    sandbox: GoogleCalendarSandbox,
) -> None:
    key = dict(read_service_account(Secret(account()["GOOGLE_SVC_ACCOUNT_JSON"])))
    text = base64.b64encode(json.dumps({**key, "private_key": "not a key"}).encode()).decode()
    items = await told(sandbox, GOOGLE_SVC_ACCOUNT_JSON=text)
    assert (states(items)["EC1"], states(items)["EC4"]) == ("failed", "failed")
    assert items["EC1"].found == "the private key cannot be read"
    assert "not a key" not in str(items)


async def test_account_without_a_calendar_fails(sandbox: GoogleCalendarSandbox) -> None:
    sandbox._diary.sheets.clear()
    item = (await told(sandbox))["EC4"]
    assert (item.status.value, item.found) == ("failed", "it reaches no calendar")
    assert "share a calendar with it" in item.hint


class TestConsent:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return consent()

    async def test_consent_as_it_should_be_passes(self, sandbox: GoogleCalendarSandbox) -> None:
        items = await told(sandbox)
        assert states(items) == {
            "EC1": "skipped",
            "EC2": "passed",
            "EC3": "passed",
            "EC4": "skipped",
            "EC6": "passed",
        }
        assert items["EC2"].found == CONSENT["GOOGLE_CLIENT_ID"]

    async def test_wrong_secret_fails_with_a_hint(self, sandbox: GoogleCalendarSandbox) -> None:
        item = (await told(sandbox, GOOGLE_CLIENT_SECRET="another-secret"))["EC3"]
        assert item.status.value == "failed"
        assert "GOOGLE_CLIENT_SECRET" in item.hint
        assert "another-secret" not in str(item)


@pytest.mark.parametrize(
    ("public_url", "status"),
    [
        ("http://clientflow.example.com", "failed"),
        ("http://127.0.0.1:8080", "skipped"),
        ("http://localhost:8080", "skipped"),
        ("http://[::1]:8080", "skipped"),
    ],
)
async def test_address_that_google_does_not_call(
    sandbox: GoogleCalendarSandbox, public_url: str, status: str
) -> None:
    item = (await told(sandbox, public_url=public_url))["EC6"]
    assert item.status.value == status
    assert item.hint
