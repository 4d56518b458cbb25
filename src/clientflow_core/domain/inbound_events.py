"""A webhook as it is kept: what came in, verified, byte for byte."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping

import attrs


class InboundEventState(enum.StrEnum):
    """What became of it: done, ignored (it concerns nobody here), or failed (kept for a person)."""

    RECEIVED = "received"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class InboundEvent:
    """A verified webhook.

    Attributes:
        webhook: the last part of the path that it came to.
        account, external_id: with the provider they make it the same as its repetition.
        headers: those that its provider asked to keep.
        organization_id: whose it is, once that is known.
        reason: why it was ignored, or has failed.
        handled_at: when its state was last settled.
        verified_for: the organization whose own settings have proven it: it is nobody else's. None
            where those of the operator have.
        recipient: the address of ours that it came to, where that was seen as it came in. It is not
            kept, and gives its job the turn of the organization that has the address.
    """

    id: uuid.UUID
    provider: str
    webhook: str
    account: str
    external_id: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: dt.datetime
    organization_id: uuid.UUID | None = None
    state: InboundEventState = InboundEventState.RECEIVED
    reason: str | None = None
    handled_at: dt.datetime | None = None
    verified_for: uuid.UUID | None = None
    recipient: str | None = None


class ReplayOutcome(enum.StrEnum):
    """What was done for an event that shall be handled again.

    Done: nothing, since it was handled. Busy: nothing, since a worker has it at this moment, or
    somebody else has it replayed. Hurried: its job waited for another try, and is due now. Queued:
    it has a new job.
    """

    DONE = "done"
    BUSY = "busy"
    HURRIED = "hurried"
    QUEUED = "queued"
