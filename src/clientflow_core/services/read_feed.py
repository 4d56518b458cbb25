"""Read a calendar at its secret address."""

import datetime as dt
from typing import Final

from clientflow_core.domain.ical import write_feed
from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.calendar_events import list_events
from clientflow_core.persistence.repositories.calendar_feeds import find_feed
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.secret import Secret
from clientflow_core.services.share_calendar import hash_feed_token

_BEFORE: Final = dt.timedelta(days=30)
_AHEAD: Final = dt.timedelta(days=365)
_MOST_EVENTS: Final = 2000


async def read_feed(database: Database, token: Secret, *, now: dt.datetime) -> bytes:
    """Give the calendar that may be read with *token*: the last 30 days, and a year ahead.

    A token is looked for by its hash alone, so that the time that it takes tells nothing of others.

    Args:
        database: the token says whose calendar it is.
        token: of the address.
        now: aware.

    Raises:
        NotFound: nothing can be read with it.
    """
    async with database.system() as transaction:
        feed = await find_feed(transaction, hash_feed_token(token))
    if feed is None:
        msg = "there is no calendar at this address, or not any more"
        raise NotFound(msg)
    async with database.organization(feed.organization_id) as transaction:
        calendar = await read_calendar(transaction, feed.calendar_id)
        events = await list_events(
            transaction,
            calendar_id=feed.calendar_id,
            starts_at=now - _BEFORE,
            ends_at=now + _AHEAD,
            most=_MOST_EVENTS,
        )
    there = [event for event in events if event.put_error is None]
    return write_feed(there, title=calendar.title, shows_details=feed.shows_details)
