"""Drafts of assistants: asked for once for each message and version of the instructions."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from clientflow_core.domain.assistance import TokenUsage
from clientflow_core.domain.drafts import AssistantDraft, DraftState
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import assistant_drafts, messages

# One that has failed, or that nobody wanted, is asked for again; any other is there already. What
# it has cost stays, and what it will cost is added.
_ASK: Final = sa.text(
    """
    INSERT INTO assistant_drafts (organization_id, id, conversation_id, based_on_message_id,
        provider, prompt_version, state)
    VALUES (:organization_id, :id, :conversation_id, :based_on_message_id,
        :provider, :prompt_version, 'asked')
    ON CONFLICT (organization_id, based_on_message_id, prompt_version) DO UPDATE SET
        state = 'asked', provider = excluded.provider, model = NULL, text = NULL,
        error_code = NULL, error_detail = NULL, updated_at = now()
    WHERE assistant_drafts.state IN ('failed', 'discarded')
    RETURNING id
    """
)


_ADD_USAGE: Final = sa.text(
    """
    UPDATE assistant_drafts SET
        input_tokens = coalesce(input_tokens, 0) + :input_tokens,
        output_tokens = coalesce(output_tokens, 0) + :output_tokens,
        cost_usd = CASE WHEN cast(:cost_usd AS numeric) IS NULL THEN cost_usd
            ELSE coalesce(cost_usd, 0) + :cost_usd END,
        updated_at = now()
    WHERE id = :id
    """
)
_SUM_COST: Final = sa.text(
    """
    SELECT coalesce(sum(cost_usd), 0) FROM assistant_drafts
    WHERE provider = :provider
        AND updated_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    """
)


async def ask_for_draft(
    transaction: Transaction,
    *,
    conversation_id: uuid.UUID,
    based_on_message_id: uuid.UUID,
    provider: str,
    prompt_version: str,
) -> uuid.UUID | None:
    """Write down that a draft is asked for; None if it is already, or is there.

    Args:
        transaction: of the organization.
        conversation_id: in which it is an answer.
        based_on_message_id: to what.
        provider: who drafts.
        prompt_version: of the instructions.
    """
    values = {
        "organization_id": transaction.scope,
        "id": new_id(),
        "conversation_id": conversation_id,
        "based_on_message_id": based_on_message_id,
        "provider": provider,
        "prompt_version": prompt_version,
    }
    found: uuid.UUID | None = (await transaction.execute(_ASK, values)).scalar_one_or_none()
    return found


async def read_draft(
    transaction: Transaction, draft_id: uuid.UUID, *, is_locked: bool = False
) -> AssistantDraft:
    """Read one draft; *is_locked* keeps others from changing it until the transaction ends.

    Raises:
        NotFound: this organization has none with this id.
    """
    statement = _listed().where(assistant_drafts.c.id == draft_id)
    if is_locked:
        statement = statement.with_for_update(of=assistant_drafts)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no draft {to_public_id(IdPrefix.DRAFT, draft_id)}"
        raise NotFound(msg)
    return _draft(row)


async def read_draft_of(
    transaction: Transaction, message_id: uuid.UUID, *, prompt_version: str
) -> AssistantDraft:
    """Read the draft of an answer to a message, which must have been asked for."""
    statement = _listed().where(
        assistant_drafts.c.based_on_message_id == message_id,
        assistant_drafts.c.prompt_version == prompt_version,
    )
    return _draft((await transaction.execute(statement)).mappings().one())


async def list_drafts(
    transaction: Transaction,
    conversation_id: uuid.UUID,
    *,
    after: uuid.UUID | None,
    most: int,
) -> Sequence[AssistantDraft]:
    """List the drafts of a conversation, the newest first, from the one behind *after*.

    Raises:
        NotFound: the conversation has no draft *after*.
    """
    statement = _listed().where(assistant_drafts.c.conversation_id == conversation_id)
    if after is not None:
        await _require_in(transaction, conversation_id, after)
        statement = statement.where(assistant_drafts.c.id < after)
    ordered = statement.order_by(assistant_drafts.c.id.desc()).limit(most)
    return [_draft(row) for row in (await transaction.execute(ordered)).mappings()]


async def update_draft(
    transaction: Transaction, draft_id: uuid.UUID, *, state: DraftState, **values: Any
) -> None:
    """Write the state and some columns of a draft that the transaction holds locked."""
    statement = assistant_drafts.update().where(assistant_drafts.c.id == draft_id)
    await transaction.execute(
        statement.values(updated_at=sa.func.now(), state=state.value, **values)
    )


async def add_usage(transaction: Transaction, draft_id: uuid.UUID, usage: TokenUsage) -> None:
    """Add what an answer took to what its draft has taken before, wanted or not."""
    values = {
        "id": draft_id,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }
    await transaction.execute(_ADD_USAGE, values)


async def sum_cost(transaction: Transaction, *, provider: str) -> Decimal:
    """Sum what the drafts of *provider* have cost the organization, in US dollars.

    Counted are those that were touched since the month (UTC) began; nothing where no price is
    known.
    """
    found: Decimal = (await transaction.execute(_SUM_COST, {"provider": provider})).scalar_one()
    return found


async def _require_in(
    transaction: Transaction, conversation_id: uuid.UUID, draft_id: uuid.UUID
) -> None:
    draft = await read_draft(transaction, draft_id)
    if draft.conversation_id != conversation_id:
        msg = f"the draft {to_public_id(IdPrefix.DRAFT, draft_id)} is of another conversation"
        raise NotFound(msg)


def _listed() -> sa.Select[tuple[object, ...]]:
    later = sa.exists().where(
        messages.c.conversation_id == assistant_drafts.c.conversation_id,
        messages.c.id > assistant_drafts.c.based_on_message_id,
    )
    kept = [column for column in assistant_drafts.c if column.name != "organization_id"]
    return sa.select(*kept, later.label("is_outdated"))


def _draft(row: Mapping[Any, Any]) -> AssistantDraft:
    values: dict[str, Any] = dict(row)
    values["state"] = DraftState(values["state"])
    return AssistantDraft(**values)
