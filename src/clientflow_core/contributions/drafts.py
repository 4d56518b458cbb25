"""What a plugin may do to a message on its way out, before any provider has seen it."""

import enum
import uuid
from collections.abc import Awaitable, Callable

import attrs

from clientflow_core.contributions.checking import is_async, is_deadline, is_name
from clientflow_core.contributions.context import PluginContext
from clientflow_core.domain.routing import Medium


class SendPhase(enum.StrEnum):
    """When a step has its turn.

    Within a phase plugins follow each other as CLIENTFLOW_PLUGINS lists them, or by name.
    """

    VALIDATE = "validate"
    ENRICH = "enrich"
    TRANSFORM = "transform"
    COMPLIANCE = "compliance"


@attrs.frozen(kw_only=True)
class Draft:
    """A message that is about to be sent.

    Attributes:
        message_id: names it.
        organization_id: who sends it.
        provider: the provider of its channel.
        sender: the organization's address.
        recipient: the client's.
        body: the text, 1 to 1600 characters, of an e-mail up to 100000; the only thing that a step
            may change.
        medium: what it is sent as.
    """

    message_id: uuid.UUID
    organization_id: uuid.UUID
    provider: str
    sender: str
    recipient: str
    body: str
    medium: Medium = Medium.TEXT


@attrs.frozen(kw_only=True)
class Reject:
    """The message must not go out.

    Attributes:
        code: lower case; stands in the message's ``error_code`` behind the plugin's name.
        reason: for people; without what somebody wrote.
    """

    code: str = attrs.field(validator=is_name)
    reason: str


@attrs.frozen(kw_only=True)
class SendStep:
    """Looks at each message once before it goes out, and may change or reject it.

    Attributes:
        name: lower case.
        phase: when.
        handle: gives the draft with another body, a :class:`Reject`, or None to leave it as it is.
            What fails or takes too long is skipped; in the phase *compliance* it rejects the
            message.
        deadline_seconds: at most 10.
    """

    name: str = attrs.field(validator=is_name)
    phase: SendPhase = attrs.field(converter=SendPhase)
    handle: Callable[[Draft, PluginContext], Awaitable[Draft | Reject | None]] = attrs.field(
        validator=is_async
    )
    deadline_seconds: float = attrs.field(default=2.0, validator=is_deadline(10.0))
