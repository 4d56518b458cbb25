"""Answers that an assistant has drafted, for a person to send or not."""

import datetime as dt
import decimal
import enum
import uuid

import attrs


class DraftState(enum.StrEnum):
    """How far a draft has come. Nothing sends one but a person."""

    ASKED = "asked"
    DRAFTED = "drafted"
    FAILED = "failed"
    USED = "used"
    DISCARDED = "discarded"


@attrs.frozen(kw_only=True)
class AssistantDraft:
    """A draft of the next message in a conversation.

    Attributes:
        based_on_message_id: the newest message when it was asked for.
        is_outdated: whether something was said since that message.
        provider: who drafts.
        model: what has drafted; None until then.
        prompt_version: of the instructions.
        text: what was drafted; None until then.
        input_tokens: read by the model; of all its answers, where it was asked more than once.
        output_tokens: written by it, likewise.
        cost_usd: in US dollars, likewise, where the provider's prices are known.
        error_code: why there is no text, if there is none.
        error_detail: the same in words.
    """

    id: uuid.UUID
    conversation_id: uuid.UUID
    based_on_message_id: uuid.UUID
    is_outdated: bool
    provider: str
    model: str | None
    prompt_version: str
    state: DraftState
    text: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: decimal.Decimal | None
    error_code: str | None
    error_detail: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
