"""An invitation to an appointment, as a file that calendar programs read: RFC 5546 (iTIP)."""

import datetime as dt
from typing import Any

from icalendar import Event

from clientflow_core.domain.calendars import EventDraft
from clientflow_plugins.caldav.events import MAILTO, as_calendar, write_draft


def write_invitation(
    draft: EventDraft, *, organizer: str, now: dt.datetime, sequence: int = 0
) -> bytes:
    """Write the ``.ics`` that asks the attendees of *draft* to come.

    It goes out as ``text/calendar; method=REQUEST``. The UID is the draft's id, as in a calendar
    that it is put into: who accepts has the event once.

    Args:
        draft: the appointment.
        organizer: whose it is, an e-mail address; answers go there.
        now: aware; when it is written.
        sequence: 0 for the first, one more for each that changes it.

    Raises:
        ValueError: nobody is asked.
    """
    if not draft.attendees:
        msg = f"the appointment {draft.id} has nobody who could be asked to come"
        raise ValueError(msg)
    component: Any = Event()
    component.add("UID", str(draft.id))
    component.add("SEQUENCE", sequence)
    component.add("ORGANIZER", MAILTO + organizer)
    write_draft(component, draft, now)
    for one in _listed(component["ATTENDEE"]):
        one.params.update({"PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})
    return as_calendar(component, draft, method="REQUEST")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
