"""Whoever is asked to an appointment learns by e-mail what becomes of it, each change once."""

import datetime as dt
import uuid
from typing import Any

import attrs
import icalendar
import pytest

from clientflow_core import failpoints
from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventDraft, EventStatus, Timed
from clientflow_core.errors import (
    Conflict,
    EditConflict,
    NotFound,
    OutcomeUnknown,
    ProviderUnavailable,
)
from clientflow_core.services.change_appointment import (
    CalendarDesk,
    cancel_appointment,
    change_appointment,
)
from clientflow_core.services.put_appointment import make_appointment
from tests.core.services.calendars.almanac import CalendarStage, event

SALON = "salon@example.com"
EVA, BOB = "eva@example.com", "bob@example.com"
HOUR = dt.timedelta(hours=1)


@attrs.define
class Desk:
    """A followed calendar, a channel for e-mail, and who writes appointments down."""

    stage: CalendarStage
    calendar_id: uuid.UUID

    @property
    def desk(self) -> CalendarDesk:
        """For changes."""
        stage = self.stage
        return CalendarDesk(
            database=stage.database,
            organization_id=stage.business.organization_id,
            registry=stage.registry,
            clock=stage.clock,
        )

    def draft(self, *attendees: str, **values: Any) -> EventDraft:
        """Give an appointment of an hour, tomorrow."""
        start = (self.stage.clock.now() + 24 * HOUR).replace(microsecond=0)
        time = Timed(starts_at=start, ends_at=start + HOUR, time_zone="Europe/Berlin")
        said = {"title": "Haircut", "time": time, **values}
        return EventDraft(id=uuid.uuid4(), attendees=attendees, **said)

    async def make(self, draft: EventDraft) -> EventDraft:
        """Make an appointment, and put it into the calendar."""
        organization = self.stage.business.organization_id
        async with self.stage.database.organization(organization) as transaction:
            await make_appointment(transaction, draft, calendar_id=self.calendar_id)
        await self.stage.work()
        return draft

    async def change(self, draft: EventDraft, **values: Any) -> None:
        """Change an appointment from here."""
        changed = attrs.evolve(draft, **values)
        await change_appointment(self.desk, changed, calendar_id=self.calendar_id)
        await self.stage.work()

    async def cancel(self, draft: EventDraft) -> None:
        """Take an appointment out from here."""
        await cancel_appointment(self.desk, draft.id, calendar_id=self.calendar_id)
        await self.stage.work()

    async def elsewhere(self, change: CalendarEvent | None, *, of: EventDraft) -> None:
        """Let somebody change an appointment in the calendar itself, or take it out."""
        if change is None:
            self.stage.almanac.remove(of.id.hex)
        else:
            self.stage.almanac.put(change)
        await self.stage.sync()

    def sent(self) -> list[tuple[str, str, str, int]]:
        """Give each e-mail: to whom, its subject, the method and the number of the version."""
        rows = self.stage.rows(
            "SELECT p.value, m.subject, a.content, a.content_type FROM messages m"
            " JOIN conversations c ON c.id = m.conversation_id"
            " JOIN contact_points p ON p.id = c.contact_point_id"
            " JOIN attachments a ON a.message_id = m.id ORDER BY m.id"
        )
        return [(to, subject, *_read(content, kind)) for to, subject, content, kind in rows]


def _read(content: bytes, kind: str) -> tuple[str, int]:
    calendar: Any = icalendar.Calendar.from_ical(content)
    (found,) = calendar.walk("VEVENT")
    assert f"method={calendar['METHOD']}" in kind
    assert str(found["ORGANIZER"]) == f"mailto:{SALON}"
    assert not isinstance(found["ATTENDEE"], list)
    return str(calendar["METHOD"]), int(found["SEQUENCE"])


@pytest.fixture
async def desk(stage: CalendarStage) -> Desk:
    """The calendar is followed, and empty; mail can be sent."""
    stage.rows(
        "INSERT INTO channels (organization_id, id, provider, address, medium, name)"
        " VALUES (%s, gen_random_uuid(), 'smtp', %s, 'email', 'Mail')",
        stage.business.organization_id,
        SALON,
    )
    calendar_id = await stage.follow()
    await stage.work()
    return Desk(stage, calendar_id)


async def test_each_attendee_is_invited_once_and_apart(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA, "Bob@Example.com", BOB, SALON, "nobody"))
    assert desk.sent() == [
        (EVA, "Invitation: Haircut", "REQUEST", 0),
        (BOB, "Invitation: Haircut", "REQUEST", 0),
    ]
    jobs = desk.stage.rows("SELECT count(*) FROM jobs WHERE kind = 'deliver_message'")
    assert jobs == [(2,)]
    [(body,)] = desk.stage.rows("SELECT DISTINCT body FROM messages WHERE subject IS NOT NULL")
    assert "(Europe/Berlin)" in body
    await desk.stage.sync()
    assert len(desk.sent()) == 2
    [(uid,)] = desk.stage.rows("SELECT ical_uid FROM calendar_events")
    assert uid == f"{made.id.hex}@almanac.example"


async def test_a_worker_that_dies_after_the_call_invites_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_active", failpoints._read("put_appointment.called=raise"))
    draft = desk.draft(EVA)
    organization = desk.stage.business.organization_id
    async with desk.stage.database.organization(organization) as transaction:
        await make_appointment(transaction, draft, calendar_id=desk.calendar_id)
    await desk.stage.work_once()
    assert desk.sent() == []
    monkeypatch.setattr(failpoints, "_active", {})
    await desk.stage.sync()
    await desk.stage.work()
    assert desk.sent() == [(EVA, "Invitation: Haircut", "REQUEST", 0)]


async def test_a_change_from_here_is_told_with_the_next_number(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    later = desk.draft().time
    assert isinstance(later, Timed)
    later = attrs.evolve(later, ends_at=later.ends_at + HOUR)
    await desk.change(made, time=later)
    await desk.change(made, time=later, description="Nothing that one has to be told")
    await desk.change(made, time=later, title="Coloring")
    assert desk.sent()[1:] == [
        (EVA, "Changed: Haircut", "REQUEST", 1),
        (EVA, "Changed: Coloring", "REQUEST", 2),
    ]


async def test_a_change_in_the_calendar_itself_is_told_as_well(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    moved = event(made.id.hex, attendees=(EVA,))
    start = desk.stage.clock.now() + 48 * HOUR
    moved = attrs.evolve(
        moved, time=Timed(starts_at=start, ends_at=start + HOUR, time_zone="Europe/Berlin")
    )
    await desk.elsewhere(moved, of=made)
    await desk.elsewhere(moved, of=made)
    assert desk.sent()[1:] == [(EVA, "Changed: Haircut", "REQUEST", 1)]


async def test_who_is_asked_no_more_is_told_and_who_is_new_is_invited(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    await desk.change(made, attendees=(BOB,))
    assert desk.sent()[1:] == [
        (BOB, "Invitation: Haircut", "REQUEST", 1),
        (EVA, "Canceled: Haircut", "CANCEL", 1),
    ]


async def test_what_is_taken_out_is_called_off(desk: Desk) -> None:
    here, there, anew = [await desk.make(desk.draft(EVA, title=one)) for one in ("a", "b", "c")]
    await desk.cancel(here)
    await desk.elsewhere(None, of=there)
    # Read from the beginning it does not come any more.
    desk.stage.almanac.remove(anew.id.hex)
    desk.stage.almanac.forget()
    await desk.stage.sync()
    assert desk.sent()[3:] == [(EVA, f"Canceled: {one}", "CANCEL", 1) for one in ("a", "b", "c")]
    assert desk.stage.count("calendar_events") == 0


async def test_what_somebody_calls_off_in_the_calendar_is_off(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    canceled = attrs.evolve(
        event(made.id.hex, attendees=(EVA,)), time=made.time, status=EventStatus.CANCELED
    )
    await desk.elsewhere(canceled, of=made)
    assert desk.sent()[1:] == [(EVA, "Canceled: Haircut", "CANCEL", 1)]


async def test_what_is_over_and_what_is_none_of_ours_is_told_to_nobody(desk: Desk) -> None:
    start = desk.stage.clock.now() - 3 * HOUR
    past = Timed(starts_at=start, ends_at=start + HOUR, time_zone="Europe/Berlin")
    await desk.make(desk.draft(EVA, time=past))
    today = desk.stage.clock.now().date()
    await desk.make(desk.draft(BOB, time=AllDay(first=today, last=today)))
    desk.stage.almanac.put(event("theirs", attendees=(EVA,)))
    await desk.stage.sync()
    assert [to for to, *_ in desk.sent()] == [BOB]


async def test_who_wants_no_e_mail_gets_none(desk: Desk) -> None:
    await desk.make(desk.draft(EVA))
    desk.stage.rows(
        "INSERT INTO consents (organization_id, contact_point_id, medium, number, wish, source,"
        " evidence, occurred_at) SELECT organization_id, id, 'email', 1, 'opt_out', 'client', '',"
        " now() FROM contact_points WHERE kind = 'email'"
    )
    made = await desk.make(desk.draft(EVA, BOB))
    assert [to for to, *_ in desk.sent()] == [EVA, BOB]
    await desk.cancel(made)
    assert [to for to, *_ in desk.sent()] == [EVA, BOB, BOB]


async def test_without_a_channel_for_e_mail_nobody_is_invited(desk: Desk) -> None:
    desk.stage.rows("DELETE FROM channels WHERE medium = 'email'")
    made = await desk.make(desk.draft(EVA))
    await desk.cancel(made)
    assert desk.sent() == []


async def test_only_the_version_that_is_known_is_changed(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    desk.stage.almanac.put(event(made.id.hex, title="Quicker", attendees=(EVA,)))
    with pytest.raises(EditConflict):
        await desk.change(made, title="Slower")
    with pytest.raises(EditConflict):
        await desk.cancel(made)
    # And the copy is brought up to date.
    await desk.stage.work()
    assert list(desk.stage.copy().values()) == ["Quicker"]
    await desk.cancel(made)
    assert desk.stage.count("calendar_events") == 0


async def test_a_change_whose_answer_was_lost_is_found_by_the_next_sync(desk: Desk) -> None:
    made = await desk.make(desk.draft(EVA))
    desk.stage.almanac.outcomes = [OutcomeUnknown("who knows")]
    with pytest.raises(OutcomeUnknown):
        await desk.change(made, title="Coloring")
    await desk.stage.work()
    assert desk.sent()[1:] == [(EVA, "Changed: Coloring", "REQUEST", 1)]
    desk.stage.almanac.outcomes = [ProviderUnavailable("away")]
    with pytest.raises(ProviderUnavailable):
        await desk.cancel(made)
    assert desk.stage.count("calendar_events") == 1


async def test_what_is_not_there_cannot_be_changed(desk: Desk) -> None:
    draft = desk.draft(EVA)
    with pytest.raises(NotFound):
        await desk.change(draft)
    organization = desk.stage.business.organization_id
    async with desk.stage.database.organization(organization) as transaction:
        await make_appointment(transaction, draft, calendar_id=desk.calendar_id)
    with pytest.raises(Conflict, match="not in the calendar yet"):
        await desk.cancel(draft)
    await desk.stage.work()
    with pytest.raises(NotFound):
        await cancel_appointment(desk.desk, draft.id, calendar_id=uuid.uuid4())
    desk.stage.rows("UPDATE calendars SET is_writable = false")
    with pytest.raises(Conflict, match="can only be read"):
        await desk.change(draft)
