"""What SendGrid tells us of by webhooks, and what may be said about it."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from clientflow_core.sandbox import EventField, SandboxEvent
from clientflow_core.sandbox.events import Happen
from clientflow_plugins.sendgrid.sandbox.mailbox import USUAL_CLIENT

FORMS: Final = ("apart", "whole")
_WISHES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "unsubscribe": ("email.unsubscribed", "The client unsubscribes from all e-mail."),
        "group_unsubscribe": ("email.group_unsubscribed", "The client unsubscribes from a group."),
        "group_resubscribe": ("email.group_resubscribed", "The client wants the group's again."),
        "spamreport": ("email.spam_reported", "The client's mail program is told that it is spam."),
    }
)


def email_received(happen: Happen, *, to: str) -> SandboxEvent:
    """Give the event that a client writes to *to*."""
    return SandboxEvent(
        name="email.received",
        summary="A client writes to the business; Inbound Parse posts it.",
        fields=(
            EventField(name="from", meaning="the client's address", default=USUAL_CLIENT),
            EventField(name="to", meaning="the address of the business", default=to),
            EventField(
                name="subject",
                meaning="one line; where it is empty, that of the last e-mail with Re:",
                default="",
            ),
            EventField(name="body", meaning="the text", default="Is Thursday free?"),
            EventField(name="html", meaning="the same as HTML, if there is any", default=""),
            EventField(
                name="form",
                meaning="apart: as fields; whole: as it came, as with send_raw",
                default=FORMS[0],
            ),
        ),
        happen=happen,
    )


def reported(name: str, summary: str, happen: Happen, *, mail: str | None) -> SandboxEvent:
    """Give an event that befalls an e-mail of the business.

    Args:
        name: of the event.
        summary: what happens, as a sentence.
        happen: lets it happen.
        mail: the id of the one that it befalls where nothing is said.
    """
    field = EventField(
        name="message", meaning="the id of the e-mail, by default of the last", default=mail
    )
    return SandboxEvent(name=name, summary=summary, fields=(field,), happen=happen)


def wishes(report: Callable[[str], Happen], *, mail: str | None) -> Iterator[SandboxEvent]:
    """Give the events by which a client wants no more e-mail, or some again."""
    for word, (name, summary) in _WISHES.items():
        yield reported(name, summary, report(word), mail=mail)
