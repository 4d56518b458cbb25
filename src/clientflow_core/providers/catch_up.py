"""What a provider could not deliver, asked for afterwards."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class MissedWebhook:
    """A webhook as its provider would have sent it, had we been there.

    Attributes:
        webhook: the name of the :class:`WebhookSpec` that parses it.
        external_id: what *verify* gives for it, so that one that did arrive is not kept twice.
        account: likewise.
        body: as *parse* reads it.
        occurred_at: when it happened, aware.
        headers: those that *parse* needs.
        recipient: as *verify* gives it.
    """

    webhook: str
    external_id: str
    account: str
    body: bytes
    occurred_at: dt.datetime
    headers: Mapping[str, str] = attrs.field(factory=dict)
    recipient: str | None = None


@attrs.frozen(kw_only=True)
class MissedPage:
    """A part of what may not have arrived.

    Attributes:
        webhooks: may be none, though more pages follow.
        next_cursor: where the next part begins; None with the last one.
    """

    webhooks: Sequence[MissedWebhook]
    next_cursor: str | None


@runtime_checkable
class SupportsCatchUp(Protocol):
    """:attr:`Capability.CATCH_UP`: can tell afterwards what it may not have delivered."""

    async def list_missed(self, *, since: dt.datetime, cursor: str | None) -> MissedPage:
        """Give a part of what has happened since an aware moment, and may not have arrived here.

        What did arrive may be among it: it is known by its *external_id*, and changes nothing. A
        part is kept before the next one is asked for, so it has to be small enough for one call.

        Args:
            since: aware, and the same for all parts.
            cursor: the *next_cursor* of the part before; None asks for the first. What was asked
                may be asked again: a cursor that was used is not used up.

        Raises:
            AuthFailed: the credentials do not work.
            ProviderUnavailable: it did not answer; it is asked again later.
        """
        ...
