"""Named places where a test may kill or stop the process.

``CLIENTFLOW_FAILPOINTS="deliver_message.called=exit"`` makes the process end, with nothing tidied
up, when it gets there. With the variable unset :func:`hit` is one look at an empty dictionary.
Actions: ``exit`` (as kill -9 does), ``raise``, ``sleep:SECONDS``; ``@N`` after the action skips
the first N-1 times.
"""

import os
import re
import time
from collections.abc import Mapping
from typing import Final

ENV: Final = "CLIENTFLOW_FAILPOINTS"

NAMES: Final[Mapping[str, str]] = {
    "receive_webhook.verified": "the sender is proven; the event is not kept yet",
    "receive_webhook.stored": "the event and its job are durable; the sender is not told yet",
    "handle_inbound_event.read": "the event is read; nothing of it is applied yet",
    "handle_inbound_event.applied": "all that the event says is written; nothing is committed yet",
    "prepare_message.passed": "the steps of plugins have seen the message; their end is not kept",
    "deliver_message.reserved": "the attempt is durable as sending; the provider is not called yet",
    "deliver_message.called": "the provider has accepted the message; that is not written down yet",
    "deliver_message.recorded": "what the provider said is durable; the job has not returned yet",
    "apply_subscription_change.begun": "what to ask is read; the provider is not asked yet",
    "sync_calendar.asked": "a page of changes is read from the provider; it is not written yet",
    "sync_calendar.recorded": "a page of changes and the cursor after it are durable",
    "put_appointment.called": "the provider has the event; that is not written down yet",
    "jobs.claimed": "a batch of jobs is claimed by this worker; none of them has begun",
    "jobs.finished": "the effect of a job and its end are durable; nobody is told yet",
    "intake.taken": "a batch is taken from the events that wait; it is not written yet",
    "intake.flushed": "a batch of events and their jobs is durable; no request knows it yet",
    "receive_message.added": "a client's message is written; its conversation does not show it yet",
    "record_delivery.updated": "what is reported of a message is written; nothing is committed yet",
    "inbound_events.replayed": "the job that handles an event again is written, not committed",
    "jobs.number_taken": "a worker holds the lock of its number; nothing is claimed under it",
    "jobs.claiming": "the claim of a batch is written; it is not committed",
    "jobs.done_together": "the effects of a batch of jobs are written; their rows are still there",
    "jobs.finished_together": "the effects of a batch and its end are durable; nobody is told yet",
    "jobs.put_back": "a job that did not go well is due again later; nobody is told yet",
    "jobs.burying": "a dead letter and its last words are written; nothing is committed yet",
    "jobs.orphans_freed": "the jobs of dead workers are due again; that is not committed yet",
    "jobs.ticked": "slots and their jobs are written; nothing is committed yet",
    "jobs.given_back": "a worker that ends has given back what it held; it still holds its lock",
    "send_message.queued": "a message and its job are written; nothing is committed yet",
    "deliver_message.reserving": "an attempt is written as sending; it is not committed",
    "deliver_message.passed_on": "that another channel is next is written; the job is not due yet",
    "deliver_message.looked_up": "the provider has said whether it has it; nothing is written",
    "deliver_message.lookup_counted": "that the provider lacks it is counted; it is not due again",
    "record_attempt.accepted": "that the provider has the message is written; it is not committed",
    "record_attempt.refused": "that the provider never takes it is written, not committed",
    "record_attempt.taken_back": "that the provider does not have it is written, not committed",
    "record_attempt.parked": "that nobody knows what became of it is written, not committed",
    "start_checkout.customer_made": "the provider has a new customer; that is not written down yet",
    "start_checkout.customer_kept": "the customer is durable; the page to pay on is not asked for",
    "apply_subscription_change.asked": "what a subscription is now is read; it is not written",
    "apply_subscription_change.recorded": "what a subscription is now is written, not committed",
    "report_usage.told": "the provider knows what was used; that is not written down yet",
    "sync_billing.asked": "what is on sale is read from the providers; it is not written yet",
    "list_missed.asked": "a part of what could not be delivered is read; it is not kept yet",
    "follow_calendar.listed": "the calendars of a provider are read; none of them is followed yet",
    "sync_calendar.written": "a page of changes and the cursor are written; they are not committed",
    "watch_calendar.called": "the provider tells of changes now; by which watch is not written yet",
    "watch_calendar.kept": "the new watch is durable; the old one has not ended yet",
    "put_appointment.recorded": "that the event is in the calendar is written, not committed",
    "draft_reply.reserved": "what to ask is read; the assistant is not asked yet",
    "draft_reply.called": "the assistant has answered, for money; that is not written down yet",
    "tell_listener.told": "a plugin has heard of an event; that is not written down yet",
    "run_plugin_job.run": "a plugin's job has run; that and what it asks for are not written yet",
    "handle_plugin_webhook.handled": "a plugin has handled its webhook; its end is not written yet",
    "set_provider_settings.kept": "an organization's settings are written, sealed; not committed",
    "sign_in.checked": "the password is right; there is no session yet",
}
"""What has just happened at each failpoint, and what has not."""

_ACTION: Final = re.compile(r"(exit|raise|sleep:[0-9]+(\.[0-9]+)?)(@[1-9][0-9]*)?")


class FailpointHit(Exception):
    """Raised at a failpoint whose action is ``raise``."""


class _Failpoint:
    __slots__ = ("action", "left")

    def __init__(self, text: str) -> None:
        self.action, _, nth = text.partition("@")
        self.left = int(nth or 1)

    def hit(self, name: str) -> None:
        self.left -= 1
        if self.left > 0:
            return
        if self.action == "exit":
            os._exit(137)
        if self.action == "raise":
            raise FailpointHit(name)
        time.sleep(float(self.action.removeprefix("sleep:")))


def _read(text: str) -> dict[str, _Failpoint]:
    active = {}
    for entry in filter(None, text.split(",")):
        name, _, action = entry.partition("=")
        if name not in NAMES:
            msg = f"{ENV} names {name!r}; there are: {', '.join(sorted(NAMES))}"
            raise ValueError(msg)
        if not _ACTION.fullmatch(action):
            msg = f"{ENV} has no action {action!r}; there are: exit, raise, sleep:SECONDS, each @N"
            raise ValueError(msg)
        active[name] = _Failpoint(action)
    return active


_active = _read(os.environ.get(ENV, ""))


def hit(name: str) -> None:
    """Do what ``CLIENTFLOW_FAILPOINTS`` asks for at *name*; usually nothing."""
    failpoint = _active.get(name)
    if failpoint:
        failpoint.hit(name)
