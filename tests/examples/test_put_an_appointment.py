import datetime as dt
import runpy
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.errors import RejectedInput, SettingsError
from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from tests.examples.conftest import EXAMPLES, Example, blocked_beside

NAME: Final = "put_an_appointment.py"
THREE: Final = dt.datetime(2027, 3, 1, 15, tzinfo=dt.UTC)
Put = Callable[[str, dt.datetime, str], Awaitable[Any]]


@pytest.fixture
async def calendars() -> AsyncIterator[GoogleCalendarSandbox]:
    """A Google whose settings are in the environment of this process."""
    made = GoogleCalendarSandbox(
        base_url="http://not-yet",
        host_url="http://127.0.0.1:9",
        credentials=GoogleCalendarSandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/google_calendar"))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in made.settings().items():
                environment.setenv(name, value)
            yield made


@pytest.fixture
def put() -> Put:
    """Give the example's own function."""
    found: Put = runpy.run_path(str(EXAMPLES / NAME))["put"]
    return found


def titles(calendars: GoogleCalendarSandbox) -> list[str]:
    return [one["summary"] for one in calendars.state()["calendars"][OWNER]][1:]


async def test_appointment_is_put_with_nothing_else_installed(
    calendars: GoogleCalendarSandbox,
) -> None:
    example = Example(blocked=blocked_beside("google_calendar"), settings=calendars.settings())
    result = await example.run_aside(NAME, OWNER, THREE.isoformat(), "Haircut for Ada")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.startswith("Google has it as ")
    assert titles(calendars) == ["Haircut for Ada"]


async def test_appointment_is_not_put_where_something_is_already(
    calendars: GoogleCalendarSandbox, put: Put
) -> None:
    assert await put(OWNER, THREE, "Ada") is not None
    assert await put(OWNER, THREE + dt.timedelta(minutes=30), "Ben") is None
    assert await put(OWNER, THREE + dt.timedelta(hours=1), "Cleo") is not None
    assert titles(calendars) == ["Ada", "Cleo"]


async def test_calendar_that_is_none_is_refused(calendars: GoogleCalendarSandbox, put: Put) -> None:
    with pytest.raises(RejectedInput):
        await put("nobody@example.com", THREE, "Ada")
    assert titles(calendars) == []


async def test_missing_settings_are_told_by_name(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CALENDAR_WEBHOOK_SECRET", raising=False)
    with pytest.raises(SettingsError, match="GOOGLE_CALENDAR_WEBHOOK_SECRET: is not set"):
        await put(OWNER, THREE, "Ada")


@pytest.mark.parametrize("text", ["tomorrow", "2027-03-01T15:00"])
def test_moment_says_its_offset(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid isoformat|no offset"):
        runpy.run_path(str(EXAMPLES / NAME))["moment"](text)
