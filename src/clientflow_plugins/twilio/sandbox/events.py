"""What Twilio tells us of by webhooks, and what may be said about it."""

from typing import Final

from clientflow_core.sandbox import EventField, SandboxEvent
from clientflow_core.sandbox.events import Happen
from clientflow_plugins.twilio.sandbox.phones import READY_CLIENTS

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
REPORTED: Final = ("queued", "sending", "sent", "delivered", "undelivered", "failed", "read")


def inbound_sms(happen: Happen, *, to: str | None) -> SandboxEvent:
    """Give the event that a client writes; *to* is the number that is usually written to."""
    return SandboxEvent(
        name="inbound-sms",
        summary="A client texts a number of the business.",
        fields=(
            EventField(name="from", meaning="the client's number", default=READY_CLIENTS[0].number),
            EventField(name="to", meaning="the number of the business", default=to),
            EventField(name="body", meaning="the text", default="Is Thursday free?"),
            EventField(name="pictures", meaning="how many come with it, 0 to 10", default="0"),
        ),
        happen=happen,
    )


def message_status(happen: Happen, *, message: str | None) -> SandboxEvent:
    """Give the event that a text of the business has come as far as *status*."""
    return SandboxEvent(
        name="message-status",
        summary="A text of the business has come so far, or was lost; reports may come late.",
        fields=(
            EventField(
                name="message", meaning="the SID of the text, by default the last", default=message
            ),
            EventField(name="status", meaning=", ".join(REPORTED), default="delivered"),
        ),
        happen=happen,
    )
