"""How changes are told, and what happens where they are not."""

import datetime as dt
import uuid

import pytest

from clientflow_core.domain.jobs import INBOUND
from clientflow_core.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from clientflow_core.registry.registry import ProviderRegistry
from tests.conftest import add_business
from tests.core.services.calendars.almanac import (
    CalendarStage,
    SilentAlmanac,
    almanac_spec,
    event,
)
from tests.core.services.conftest import plugin_of

pytestmark = pytest.mark.proves("TI4")


async def notify(stage: CalendarStage, watch_id: uuid.UUID, *, number: str = "1") -> None:
    """Let a notice arrive, and do its job."""
    headers = {"x-token": "genuine", "x-number": number}
    url = f"{stage.public_url}/webhooks/almanac"
    await stage.receive(url, str(watch_id).encode(), headers)
    await stage.do_jobs(INBOUND)


async def test_a_notice_leads_to_a_sync_and_is_the_organizations(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    stage.almanac.put(event("new"))
    (watch,) = stage.almanac.watches
    assert watch.address == f"{stage.public_url}/webhooks/almanac"
    await notify(stage, watch.id)
    await stage.work()
    assert stage.copy() == stage.truth() != {}
    assert stage.rows("SELECT state, organization_id FROM inbound_events") == [
        ("done", stage.business.organization_id)
    ]


async def test_a_notice_of_no_watch_of_ours_is_kept_and_says_why(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    nobodys = uuid.uuid4()
    await notify(stage, nobodys)
    reason = f"no calendar of almanac is watched as {nobodys}"
    assert stage.rows("SELECT state, reason FROM inbound_events") == [("ignored", reason)]
    assert stage.count("jobs") == 0


async def test_a_notice_proven_by_anothers_settings_concerns_nobody(stage: CalendarStage) -> None:
    theirs = add_business(stage.addresses, address="+14155550188")
    await stage.follow()
    await stage.work()
    (watch,) = stage.almanac.watches
    headers = {"x-token": "genuine", "x-number": "1"}
    url = f"{stage.public_url}/webhooks/almanac"
    await stage.receive(url, str(watch.id).encode(), headers)
    stage.rows("UPDATE inbound_events SET verified_for = %s", theirs.organization_id)
    await stage.do_jobs(INBOUND)
    assert stage.rows("SELECT state FROM inbound_events") == [("ignored",)]


async def test_a_watch_is_renewed_before_it_ends_and_then_the_old_one_is_ended(
    stage: CalendarStage,
) -> None:
    await stage.follow()
    await stage.work()
    (first,) = stage.almanac.watches
    assert "watch_calendar" not in await stage.poll()
    # Two thirds of its time are over.
    stage.rows("UPDATE calendars SET watch_renews_at = now() - interval '1 second'")
    assert "watch_calendar" in await stage.poll()
    await stage.work()
    second = stage.almanac.watches[1]
    assert [one.id for one in stage.almanac.ended] == [first.id]
    assert stage.calendar("watch_id") == (second.id,)
    (renews_at, expires_at) = stage.calendar("watch_renews_at", "watch_expires_at")
    assert dt.timedelta(days=2) < expires_at - renews_at < dt.timedelta(days=4)


async def test_what_changed_before_the_watch_was_known_is_synced_after_it(
    stage: CalendarStage,
) -> None:
    await stage.follow()
    await stage.work_once()
    stage.almanac.put(event("meanwhile"))
    await stage.work()
    assert "meanwhile" in stage.copy()


async def test_a_watch_that_is_refused_leaves_the_calendar_to_be_polled(
    stage: CalendarStage,
) -> None:
    await stage.follow()
    await stage.do_jobs("nothing")
    stage.rows("DELETE FROM jobs WHERE kind = 'sync_calendar'")
    stage.almanac.outcomes = [ProviderRefused("only https")]
    await stage.work()
    assert stage.calendar("watch_id") == (None,)
    # Asked again in an hour, not each time.
    assert await stage.poll() == ["sync_calendar"]


@pytest.mark.parametrize("error", [ProviderUnavailable("away"), OutcomeUnknown("who knows")])
async def test_a_watch_that_could_not_be_begun_is_tried_again(
    stage: CalendarStage, error: Exception
) -> None:
    await stage.follow()
    stage.rows("DELETE FROM jobs WHERE kind = 'sync_calendar'")
    stage.almanac.outcomes = [error]
    await stage.work_once()
    assert stage.calendar("watch_id") == (None,)
    await stage.work()
    assert stage.calendar("watch_id") == (stage.almanac.watches[-1].id,)


async def test_an_old_watch_that_cannot_be_ended_ends_by_itself(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    stage.rows("UPDATE calendars SET watch_renews_at = NULL, last_tried_at = now()")
    assert await stage.poll() == ["watch_calendar"]
    stage.almanac.is_ended_badly = True
    await stage.work()
    assert stage.calendar("watch_id") == (stage.almanac.watches[-1].id,)
    assert stage.almanac.ended == []


async def test_one_that_cannot_tell_any_more_is_polled(stage: CalendarStage) -> None:
    """As after an update of its plugin."""
    await stage.follow()
    silent = plugin_of(almanac_spec(SilentAlmanac()))
    async with ProviderRegistry([silent], {}) as stage.registry:
        await stage.work()
    assert stage.calendar("watch_id", "watch_renews_at IS NOT NULL") == (None, True)
