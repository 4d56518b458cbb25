"""What a job was about, and whether one that was given up may be done again."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from clientflow_core.domain.dead_jobs import Diagnosis, JobRecord, JobState, Remedy
from clientflow_core.domain.inbound_events import InboundEventState
from clientflow_core.domain.jobs import BILLING, CALENDARS
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_events import read_event
from clientflow_core.persistence.repositories.drafts import read_draft
from clientflow_core.persistence.repositories.inbound_events import read_inbound_event
from clientflow_core.persistence.repositories.messages import read_message
from clientflow_core.services.put_appointment import PUT_APPOINTMENT
from clientflow_core.services.request_draft import DRAFT_REPLY
from clientflow_core.services.send_message import DELIVER_MESSAGE

HANDLE_INBOUND_EVENT: Final = "handle_inbound_event"

_PAGES: Final[Mapping[str, str]] = MappingProxyType({CALENDARS: "/calendar", BILLING: "/billing"})
_NOT_GIVEN_UP: Final[Mapping[JobState, str]] = MappingProxyType(
    {
        JobState.WAITING: "It waits for its turn, or for its next try.",
        JobState.RUNNING: "A worker has it.",
        JobState.DISCARDED: "It was discarded.",
    }
)
# A message that has got further than these was sent.
_UNSENT: Final[Mapping[MessageStatus, tuple[Remedy, str]]] = MappingProxyType(
    {
        MessageStatus.QUEUED: (Remedy.RETRY, "It was not sent yet."),
        MessageStatus.SENDING: (
            Remedy.RETRY,
            "It may have been sent: its provider is asked before anything is sent.",
        ),
        MessageStatus.UNKNOWN: (
            Remedy.DECIDE,
            "The provider may have it and cannot be asked: sending it again may send it twice.",
        ),
        MessageStatus.FAILED: (
            Remedy.RETRY,
            "No provider has taken it. Look first whether somebody has written it again.",
        ),
    }
)


async def diagnose_job(transaction: Transaction, job: JobRecord) -> Diagnosis:
    """Tell what *job* was about, and what a person can do about it.

    Args:
        transaction: goes over to the organization of the job, and stays there.
        job: given up or not.
    """
    await transaction.switch_to(job.organization_id)
    diagnose = _BY_KIND.get(job.kind, _diagnose_other)
    try:
        found = await diagnose(transaction, job)
    except NotFound:
        return Diagnosis(remedy=Remedy.NONE, about=_name(job), why="It is not there any more.")
    if job.state is JobState.GIVEN_UP:
        return found
    return attrs.evolve(found, remedy=Remedy.NONE, why=_NOT_GIVEN_UP[job.state])


async def _diagnose_inbound_event(transaction: Transaction, job: JobRecord) -> Diagnosis:
    event = await read_inbound_event(transaction, job.id_arg("event_id"))
    name = to_public_id(IdPrefix.INBOUND_EVENT, event.id)
    about = f"the webhook {name} of {event.provider}"
    if event.state is InboundEventState.DONE:
        return Diagnosis(remedy=Remedy.NONE, about=about, why="It was handled meanwhile.")
    why = f"What it has brought is not doubled. `clientflow events show {name}` shows what came in."
    return Diagnosis(remedy=Remedy.RETRY, about=about, why=why)


async def _diagnose_delivery(transaction: Transaction, job: JobRecord) -> Diagnosis:
    message = await read_message(transaction, job.id_arg("message_id"))
    remedy, why = _UNSENT.get(message.status, (Remedy.NONE, f"It is {message.status} by now."))
    return Diagnosis(
        remedy=remedy,
        about=f"the message {to_public_id(IdPrefix.MESSAGE, message.id)}",
        why=why,
        page=f"/inbox/{to_public_id(IdPrefix.CONVERSATION, message.conversation_id)}",
    )


async def _diagnose_draft(transaction: Transaction, job: JobRecord) -> Diagnosis:
    draft = await read_draft(transaction, job.id_arg("draft_id"))
    return Diagnosis(
        remedy=Remedy.NONE,
        about=f"the draft {to_public_id(IdPrefix.DRAFT, draft.id)}",
        why="Who still wants one asks for another in the conversation.",
        page=f"/inbox/{to_public_id(IdPrefix.CONVERSATION, draft.conversation_id)}",
    )


async def _diagnose_appointment(transaction: Transaction, job: JobRecord) -> Diagnosis:
    event = await read_event(transaction, job.id_arg("event_id"))
    about = f"the appointment {to_public_id(IdPrefix.CALENDAR_EVENT, event.id)}"
    if event.provider_event_id is not None:
        why = "It is in the calendar by now."
        return Diagnosis(remedy=Remedy.NONE, about=about, why=why, page="/calendar")
    why = "It has a name of its own at the provider, by which it is put there once."
    return Diagnosis(remedy=Remedy.RETRY, about=about, why=why, page="/calendar")


async def _diagnose_other(_: Transaction, job: JobRecord) -> Diagnosis:
    why = "It looks at how things are when it runs, and brings them up to date."
    if job.lane.startswith("plugin."):
        why = f"It is work of the plugin {job.lane.removeprefix('plugin.')}, done again as it was."
    page = _PAGES.get(job.lane)
    return Diagnosis(remedy=Remedy.RETRY, about=_name(job), why=why, page=page)


def _name(job: JobRecord) -> str:
    if "calendar_id" in job.args:
        return f"the calendar {to_public_id(IdPrefix.CALENDAR, job.id_arg('calendar_id'))}"
    return ", ".join(f"{name} {value}" for name, value in job.args.items()) or job.kind


_BY_KIND: Final[Mapping[str, Callable[[Transaction, JobRecord], Awaitable[Diagnosis]]]] = (
    MappingProxyType(
        {
            HANDLE_INBOUND_EVENT: _diagnose_inbound_event,
            DELIVER_MESSAGE: _diagnose_delivery,
            DRAFT_REPLY: _diagnose_draft,
            PUT_APPOINTMENT: _diagnose_appointment,
        }
    )
)
