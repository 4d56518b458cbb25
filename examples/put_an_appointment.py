"""Put an appointment into a Google calendar, with nothing but ``clientflow[google_calendar]``.

export GOOGLE_SVC_ACCOUNT_JSON=$(base64 -w0 key.json)
export GOOGLE_CALENDAR_WEBHOOK_SECRET=$(openssl rand -hex 32)
python examples/put_an_appointment.py owner@example.com 2027-03-01T15:00+01:00 "Haircut for Ada"
"""

import argparse
import asyncio
import datetime as dt
import os
import sys

from clientflow_core import (
    CalendarEvent,
    ClientFlowError,
    EventDraft,
    ProviderRegistry,
    Timed,
    new_id,
)

LENGTH = dt.timedelta(hours=1)


async def put(calendar: str, starts_at: dt.datetime, title: str) -> CalendarEvent | None:
    """Put an appointment of an hour into *calendar*, unless something is there already."""
    registry = ProviderRegistry.from_values(os.environ, names=["google_calendar"])
    async with registry:
        calendars = await registry.calendar("google_calendar")
        ends_at = starts_at + LENGTH
        if await calendars.list_busy_times([calendar], starts_at=starts_at, ends_at=ends_at):
            return None
        time = Timed(starts_at=starts_at, ends_at=ends_at, time_zone="UTC")
        # Put twice with the same id, it is one appointment.
        return await calendars.put_event(calendar, EventDraft(id=new_id(), title=title, time=time))


def moment(text: str) -> dt.datetime:
    """Read a moment, which has to say its offset."""
    read = dt.datetime.fromisoformat(text)
    if read.tzinfo is None:
        msg = "no offset"
        raise ValueError(msg)
    return read


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put an appointment into a Google calendar.")
    parser.add_argument("calendar", help="its id, such as the address of its owner")
    parser.add_argument("starts_at", type=moment, help="such as 2027-03-01T15:00+01:00")
    parser.add_argument("title", help="what it is called")
    arguments = parser.parse_args()
    try:
        event = asyncio.run(put(arguments.calendar, arguments.starts_at, arguments.title))
    except ClientFlowError as error:
        sys.exit(f"not put: {error}")
    if event is None:
        sys.exit("not put: something is there already")
    print(f"Google has it as {event.provider_event_id}")
