"""One thread of messages: a channel of ours and an address of a client."""

import datetime as dt
import uuid

import attrs

from clientflow_core.domain.routing import Medium


@attrs.frozen(kw_only=True)
class Conversation:
    """A thread, with what a list of threads shows of it.

    Attributes:
        address: the client's address in it.
        last_body: the text of its newest message; None while it has none.
        subject: what its e-mails are about, without "Re:"; None for texts.
    """

    id: uuid.UUID
    contact_id: uuid.UUID
    contact_name: str | None
    channel_id: uuid.UUID
    address: str
    last_message_at: dt.datetime
    last_body: str | None
    created_at: dt.datetime
    subject: str | None = None

    @property
    def medium(self) -> Medium:
        """What is exchanged in it."""
        return Medium.TEXT if self.subject is None else Medium.EMAIL

    @property
    def place(self) -> "Place":
        """Where it stands in the list by now."""
        return Place(last_message_at=self.last_message_at, id=self.id)


@attrs.frozen(kw_only=True)
class Place:
    """Where a conversation stood in the list: the next message in it puts it on top."""

    last_message_at: dt.datetime
    id: uuid.UUID
