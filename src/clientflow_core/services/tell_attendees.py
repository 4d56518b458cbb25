"""Tell those who are asked to an appointment of ours what becomes of it, by e-mail.

What they were told is kept with the event. So it does not matter who has changed it, or where: what
a sync finds to be other than that is told in the same way as what was changed from here, and once.
Where a provider sends invitations itself, nobody is told by us.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import attrs
import structlog

from clientflow_core.domain.calendars import EventStatus
from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.email.parts import Attachment
from clientflow_core.domain.email.threads import new_message_id
from clientflow_core.domain.email_addresses import is_email_address, to_email_address
from clientflow_core.domain.followed_calendars import KeptEvent
from clientflow_core.domain.ical import Method, write_invitation
from clientflow_core.domain.invitations import (
    News,
    ends_at,
    name_of,
    say_in_short,
    write_body,
    write_subject,
)
from clientflow_core.domain.routing import Channel, Medium
from clientflow_core.errors import OptedOut
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_events import list_told, record_told
from clientflow_core.persistence.repositories.channels import list_channels
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.conversations import find_or_add_conversation
from clientflow_core.services.send_message import send_message

_MOST_ATTENDEES: Final = 100

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Letter:
    event: KeptEvent
    channel: Channel
    sequence: int
    now: dt.datetime


async def tell_attendees(transaction: Transaction, event: KeptEvent, *, now: dt.datetime) -> None:
    """Invite whoever is asked to *event* and does not know; tell the others what has changed.

    Each is told apart, and learns of no other. What is over is told to nobody.

    Args:
        transaction: in which the calendar is locked.
        event: as it is now.
        now: aware.
    """
    channels = await list_channels(transaction, medium=Medium.EMAIL)
    if not channels or ends_at(event.time) <= now:
        return
    asked = _asked(event, besides=channels[0].address)
    short = say_in_short(event)
    news = [one for one in asked if short != event.invited_to or one not in event.invited]
    gone = [one for one in event.invited if one not in asked]
    if not news and not gone:
        return
    sequence = event.sequence + bool(event.invited)
    letter = _Letter(event=event, channel=channels[0], sequence=sequence, now=now)
    for one in news:
        await _send(
            transaction, letter, one, News.CHANGED if one in event.invited else News.INVITED
        )
    for one in gone:
        await _send(transaction, letter, one, News.CALLED_OFF)
    await record_told(transaction, event.id, invited=asked, invited_to=short, sequence=sequence)


async def tell_of_changes(
    transaction: Transaction,
    calendar_id: uuid.UUID,
    *,
    gone: Iterable[KeptEvent],
    now: dt.datetime,
) -> None:
    """Tell whoever was invited to an event that is other now than they know, or *gone*."""
    for event in gone:
        called_off = attrs.evolve(event, status=EventStatus.CANCELED)
        await tell_attendees(transaction, called_off, now=now)
    for event in await list_told(transaction, calendar_id, since=now):
        await tell_attendees(transaction, event, now=now)


def _asked(event: KeptEvent, *, besides: str) -> Sequence[str]:
    """Give who is to come, each once; nobody if it does not take place."""
    if event.status is EventStatus.CANCELED:
        return ()
    people = (to_email_address(one) for one in event.attendees if is_email_address(one))
    return [one for one in dict.fromkeys(people) if one != besides][:_MOST_ATTENDEES]


async def _send(transaction: Transaction, letter: _Letter, address: str, news: News) -> None:
    event, channel = letter.event, letter.channel
    point, _ = await find_or_add_contact_point(
        transaction, kind=ContactPointKind.EMAIL, value=address
    )
    conversation_id = await find_or_add_conversation(
        transaction,
        channel_id=channel.id,
        point=point,
        thread=new_message_id(event.id, sender=channel.address),
        subject=name_of(event),
    )
    try:
        await send_message(
            transaction,
            conversation_id,
            body=write_body(event, news),
            subject=write_subject(event, news),
            files=[_file(letter, address, news)],
        )
    except OptedOut:
        log.info("attendee_not_told", event_id=str(event.id), contact_id=str(point.contact_id))


def _file(letter: _Letter, address: str, news: News) -> Attachment:
    method = Method.CANCEL if news is News.CALLED_OFF else Method.REQUEST
    written = write_invitation(
        letter.event,
        method=method,
        organizer=letter.channel.address,
        attendees=[address],
        sequence=letter.sequence,
        now=letter.now,
    )
    kind = f"text/calendar; charset=utf-8; method={method}"
    return Attachment(name="invite.ics", content_type=kind, content=written)
