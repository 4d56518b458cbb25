"""A person has decided what becomes of a draft: it is used, or nobody wants it."""

import uuid

from clientflow_core.domain.drafts import AssistantDraft, DraftState
from clientflow_core.errors import Conflict
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.drafts import read_draft, update_draft
from clientflow_core.persistence.repositories.stream_events import add_stream_event


async def settle_draft(
    transaction: Transaction, draft_id: uuid.UUID, *, state: DraftState
) -> AssistantDraft:
    """Make *state* that of a draft that is still open; one that says so already stays as it is.

    Args:
        transaction: of the organization.
        draft_id: names the draft.
        state: used, once its text was sent, edited or not; or discarded.

    Raises:
        NotFound: this organization has no such draft.
        Conflict: the other was decided before.
    """
    draft = await read_draft(transaction, draft_id, is_locked=True)
    if draft.state is state:
        return draft
    if draft.state in (DraftState.USED, DraftState.DISCARDED):
        name = to_public_id(IdPrefix.DRAFT, draft_id)
        msg = f"the draft {name} is {draft.state} already, and cannot be {state}"
        raise Conflict(msg)
    await update_draft(transaction, draft_id, state=state)
    await add_stream_event(transaction, f"draft.{state.value}", draft_id)
    return await read_draft(transaction, draft_id)
