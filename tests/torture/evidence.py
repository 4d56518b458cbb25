"""What the database and the stand-ins say, held against what was acknowledged."""

from collections.abc import Mapping
from typing import Any, Final

from tests.torture.history import Verdict
from tests.torture.load import OP
from tests.torture.report import Result
from tests.torture.system import System

SEND: Final = "send"
"""Records in the history of messages that the API was asked to send; the name is the text."""
REFUSED: Final = "refused"
"""Likewise, of messages that the provider does not take."""


async def judge(system: System, result: Result) -> None:
    """Hold everything that *system* has done against what it was asked, and note what is amiss."""
    verdict = Verdict()
    check_webhooks(system, verdict, result)
    check_jobs(system, verdict)
    await check_sends(system, verdict)
    await check_subscriptions(system, verdict)
    await check_usage(system, verdict)
    await check_calendars(system, verdict)
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.problems += verdict.problems


def check_webhooks(system: System, verdict: Verdict, result: Result) -> None:
    """Each that was acknowledged is kept once, was handled, and has had its effect once."""
    asked = system.history.asked(OP)
    result.count("webhooks posted again", asked.retries)
    result.figures["webhooks acknowledged"] = len(asked.acknowledged)
    events = system.rows("SELECT provider || ' ' || external_id, state FROM inbound_events")
    # What the stand-ins have posted themselves is nobody's here.
    ours = [(name, state) for name, state in events if name in asked.tried]
    kept = [name for name, _ in ours]
    verdict.compare("event kept", wanted=asked.acknowledged, effects=kept, tried=asked.tried)
    unhandled = [f"{name} is {state}" for name, state in ours if state != "done"]
    verdict.lost += [f"event not handled: {one}" for one in sorted(unhandled)]
    check_messages(system, verdict, wanted=set(kept))


def check_messages(system: System, verdict: Verdict, *, wanted: set[str]) -> None:
    """Each text and e-mail that is kept is one message of one client's conversation."""
    rows = system.rows(
        "SELECT c.provider || ' ' || m.provider_message_id FROM messages m JOIN channels c"
        " ON c.organization_id = m.organization_id AND c.id = m.channel_id"
        " WHERE m.direction = 'in'"
    )
    said = {name for name in wanted if name.startswith(("twilio ", "sendgrid "))}
    # A client may also have written by the stand-in.
    found = [name for (name,) in rows]
    verdict.compare("message", wanted=said, effects=found, tried=found)
    twice = system.rows(
        "SELECT value, count(*) FROM contact_points GROUP BY organization_id, kind, value"
        " HAVING count(*) > 1"
    )
    verdict.doubled += [f"{count} times the client {value}" for value, count in twice]
    texting = system.rows(
        "SELECT contact_point_id, count(*) FROM conversations WHERE thread = ''"
        " GROUP BY channel_id, contact_point_id HAVING count(*) > 1"
    )
    verdict.doubled += [f"{count} conversations with {point}" for point, count in texting]


def check_jobs(system: System, verdict: Verdict) -> None:
    """Nothing is left to do, and nothing was given up."""
    left = system.rows("SELECT id, kind, attempts, last_error, dead_at IS NOT NULL FROM jobs")
    verdict.lost += [
        f"job {id_} of the kind {kind} is {'dead' if is_dead else 'left'} after {attempts}"
        f" attempts: {error}"
        for id_, kind, attempts, error, is_dead in left
    ]


async def check_sends(system: System, verdict: Verdict) -> None:
    """Each message that was taken is at its provider once, and known to be."""
    asked = system.history.asked(SEND)
    state = await system.sandbox_state("twilio")
    sent = [one["body"] for one in state["messages"] if one["direction"] != "inbound"]
    mails = (await system.sandbox_state("sendgrid"))["mails"]
    sent += [one["text"].strip() for one in mails if not one["is_from_client"]]
    verdict.compare("message sent", wanted=asked.acknowledged, effects=sent, tried=asked.tried)
    rows = system.rows("SELECT body, status FROM messages WHERE direction = 'out'")
    refused = system.history.asked(REFUSED)
    kept = [(body, status) for body, status in rows if body not in refused.tried]
    unrefused = [body for body, status in rows if body in refused.tried and status != "failed"]
    verdict.problems += [f"nobody carries {body!r}, and it is no failure" for body in unrefused]
    verdict.compare(
        "outgoing message kept",
        wanted=asked.acknowledged,
        effects=[body for body, _ in kept],
        tried=asked.tried,
    )
    unsent = {"queued", "sending", "unknown", "failed"}
    verdict.lost += [f"message {body!r} is {status}" for body, status in kept if status in unsent]


async def check_subscriptions(system: System, verdict: Verdict) -> None:
    """Our copy of each subscription says what the provider says."""
    held = (await system.sandbox_state("stripe"))["subscriptions"]
    theirs = {one["id"]: [one["status"], _is_ending(one)] for one in held}
    rows = system.rows(
        "SELECT provider_subscription_id, status, is_ending FROM subscriptions"
        " WHERE provider = 'stripe'"
    )
    ours = {name: [status, is_ending] for name, status, is_ending in rows}
    verdict.compare_states("subscription", wanted=theirs, found=ours)


async def check_usage(system: System, verdict: Verdict) -> None:
    """What was used is told to who charges for it once."""
    told = (await system.sandbox_state("stripe"))["meter_events"]
    rows = system.rows("SELECT id::text FROM usage_events WHERE reported_at IS NOT NULL")
    names = [one["identifier"].replace("-", "")[-32:] for one in told]
    reported = {name.replace("-", "") for (name,) in rows}
    verdict.compare("usage told", wanted=reported, effects=names, tried=names)


async def check_calendars(system: System, verdict: Verdict) -> None:
    """Our copy of each calendar holds the events that the provider has, and no others."""
    state = await system.sandbox_state("google_calendar")
    theirs = {
        f"{calendar} {event['id']}": event.get("summary", "")
        for calendar, events in state["calendars"].items()
        for event in events
        if event["status"] != "cancelled"
    }
    rows = system.rows(
        "SELECT c.provider_calendar_id || ' ' || e.provider_event_id, e.title"
        " FROM calendar_events e JOIN calendars c ON c.id = e.calendar_id"
        " WHERE e.status <> 'canceled'"
    )
    verdict.compare_states("calendar event", wanted=theirs, found=dict(rows))


def _is_ending(subscription: Mapping[str, Any]) -> bool:
    # What is over already does not end any more.
    is_over = subscription["status"] == "canceled"
    is_asked_for = subscription.get("cancel_at_period_end") or subscription.get("cancel_at")
    return bool(is_asked_for) and not is_over
