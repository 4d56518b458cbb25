"""What a plugin brings to choose by which channels a message goes, and in which order."""

import uuid
from collections.abc import Callable, Sequence

import attrs

from clientflow_core.contributions.checking import is_name, is_plain


@attrs.frozen(kw_only=True)
class OutgoingMessage:
    """A message that is about to be sent.

    Attributes:
        medium: what it is carried as, such as ``text``.
        country: of the client, two letters as in ISO 3166; None if it cannot be told.
        recipient: the client's address.
        body: as it will be sent.
    """

    message_id: uuid.UUID
    organization_id: uuid.UUID
    medium: str
    country: str | None
    recipient: str
    body: str


@attrs.frozen(kw_only=True)
class Candidate:
    """A channel that may carry it.

    Attributes:
        provider: the provider's name.
        address: ours, by which the client sees it.
        is_own: it is the conversation's.
        is_fit: nothing is wrong with its provider, as far as is known.
    """

    channel_id: uuid.UUID
    provider: str
    address: str
    is_own: bool
    is_fit: bool


@attrs.frozen(kw_only=True)
class Router:
    """Chooses among the channels of an organization.

    Attributes:
        name: among the plugin's own.
        choose: given a message and its candidates, in the order in which they would be tried, gives
            the ids of those that may carry it, the first one first; None leaves it to others. It is
            asked again for each attempt, so it must be pure and quick.
    """

    name: str = attrs.field(validator=is_name)
    choose: Callable[[OutgoingMessage, tuple[Candidate, ...]], Sequence[uuid.UUID] | None] = (
        attrs.field(validator=is_plain)
    )
