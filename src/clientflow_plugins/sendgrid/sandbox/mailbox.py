"""The account's e-mails, and how they are shown to people."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from clientflow_core.sandbox import Arrival, Letter, Letters

# E-mail to it is taken, and comes back.
BOUNCING_ADDRESS: Final = "bounce@example.com"
# Who does not want any, and has said so to SendGrid: nothing is even tried.
UNSUBSCRIBED_ADDRESS: Final = "unsubscribed@example.com"
# Who writes where nothing is said.
USUAL_CLIENT: Final = "ada@example.com"
_ARRIVALS: Final = {
    "received": Arrival.ARRIVED,
    "delivered": Arrival.ARRIVED,
    "open": Arrival.ARRIVED,
    "bounce": Arrival.LOST,
    "dropped": Arrival.LOST,
}


@attrs.define(kw_only=True)
class Mail:
    """An e-mail, in or out, to or from one client.

    Attributes:
        id: SendGrid's, as the answer to a send names it; of one that came in, our own.
        state: the last event.
        headers: those that were asked for, or that it came with.
        custom_args: what comes back with each event.
    """

    id: str
    is_from_client: bool
    client: str
    business: str
    subject: str
    text: str
    html: str
    created: dt.datetime
    state: str
    headers: Mapping[str, str]
    reply_to: str | None = None
    attachments: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    custom_args: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def message_id(self) -> str:
        """Its own Message-ID."""
        return next((v for k, v in self.headers.items() if k.lower() == "message-id"), "")

    def state_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return attrs.asdict(self) | {
            "headers": dict(self.headers),
            "custom_args": dict(self.custom_args),
            "created": self.created.isoformat(),
        }


def show_letters(mails: Iterable[Mail]) -> Letters:
    """Give the e-mails as people see them."""
    return Letters(letters=[_letter(mail) for mail in mails])


def _letter(mail: Mail) -> Letter:
    return Letter(
        id=mail.id,
        is_from_client=mail.is_from_client,
        client=mail.client,
        business=mail.business,
        subject=mail.subject,
        body=mail.text,
        at=mail.created,
        arrival=_ARRIVALS.get(mail.state, Arrival.ON_ITS_WAY),
        note=mail.state,
        files=mail.attachments,
    )
