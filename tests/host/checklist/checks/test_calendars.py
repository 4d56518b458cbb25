"""The check of the watches: which calendars nobody would tell us of any more."""

import uuid
from typing import Final

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

BASE: Final = "http://127.0.0.1:1/google_calendar"
with_google = pytest.mark.parametrize(
    "values",
    [
        GoogleCalendarSandbox(
            base_url=BASE,
            host_url="http://127.0.0.1:1",
            credentials=GoogleCalendarSandbox.new_credentials(),
        ).settings()
    ],
    indirect=True,
)


def follow(host: Host, *, watch: str) -> None:
    """Follow a calendar whose watch lasts so long; of none, NULL."""
    host.rows(
        "INSERT INTO calendars (organization_id, id, provider, provider_calendar_id, title,"
        " time_zone, is_writable, watch_id, watch_expires_at)"
        " VALUES (%s, gen_random_uuid(), 'google_calendar', %s, 'Ours', 'UTC', true,"
        f" gen_random_uuid(), now() + {watch})",
        host.ours.id,
        uuid.uuid4().hex,
    )


@with_google
async def test_calendars_that_are_watched_for_long_pass(host: Host, context: Context) -> None:
    follow(host, watch="interval '3 days'")
    found = await ask("EC5", context())
    assert (found.status, found.found) == (CheckStatus.PASSED, "1 watched")


@with_google
@pytest.mark.parametrize("watch", ["interval '23 hours'", "interval '-1 hour'"])
async def test_watch_that_ends_soon_or_has_ended_is_found(
    host: Host, context: Context, watch: str
) -> None:
    follow(host, watch="interval '3 days'")
    follow(host, watch=watch)
    found = await ask("EC5", context())
    assert found.status is CheckStatus.FAILED
    assert found.found.startswith("1 of 2 are not, such as cal_")
    assert "calendar_not_watched" in found.hint


@with_google
async def test_where_no_calendar_is_followed_there_is_nothing_to_watch(context: Context) -> None:
    assert (await ask("EC5", context())).status is CheckStatus.SKIPPED
