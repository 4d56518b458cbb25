"""Ask an assistant for a draft of the next message: it is queued with the job that drafts."""

import uuid
from typing import Final

from clientflow_core.domain.drafts import AssistantDraft
from clientflow_core.domain.jobs import ASSISTANCE
from clientflow_core.errors import Conflict
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import read_conversation
from clientflow_core.persistence.repositories.drafts import (
    ask_for_draft,
    read_draft,
    read_draft_of,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.messages import list_messages
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.find_assistant import choose_assistant
from clientflow_core.services.limit_assistance import Budget, require_budget
from clientflow_core.services.require_consent import require_consent

DRAFT_REPLY: Final = "draft_reply"
PROMPT_VERSION: Final = "reply-1"
"""Changes with the instructions in draft_reply.py, so that a better draft can be asked for."""

# A person waits for it, and would rather write it than wait for an hour.
_MOST_ATTEMPTS: Final = 3


async def request_draft(
    transaction: Transaction,
    conversation_id: uuid.UUID,
    *,
    registry: ProviderRegistry,
    budget: Budget,
) -> AssistantDraft:
    """Ask for a draft of what comes after the newest message of a conversation.

    It is asked for once: whoever asks again gets the same draft, unless that has failed or was
    discarded. Nothing is sent.

    Args:
        transaction: of the organization.
        conversation_id: in which it would be sent.
        registry: the enabled providers.
        budget: of the organization.

    Raises:
        NotFound: this organization has no such conversation.
        BudgetReached: it is used up; a draft that is there already is given all the same.
        OptedOut: the client does not want to hear from us by this medium.
        Conflict: there is nothing to answer, or no assistant.
    """
    conversation = await read_conversation(transaction, conversation_id)
    await require_consent(transaction, conversation_id, medium=conversation.medium)
    newest = await list_messages(transaction, conversation.id, after=None, most=1)
    if not newest:
        name = to_public_id(IdPrefix.CONVERSATION, conversation_id)
        msg = f"nothing was said in the conversation {name}: there is nothing to answer"
        raise Conflict(msg)
    message_id, provider = newest[0].id, choose_assistant(registry)
    draft_id = await ask_for_draft(
        transaction,
        conversation_id=conversation_id,
        provider=provider,
        based_on_message_id=message_id,
        prompt_version=PROMPT_VERSION,
    )
    if draft_id is None:
        return await read_draft_of(transaction, message_id, prompt_version=PROMPT_VERSION)
    await require_budget(transaction, budget, provider=provider)
    await enqueue(
        transaction,
        lane=ASSISTANCE,
        kind=DRAFT_REPLY,
        args={"draft_id": str(draft_id)},
        max_attempts=_MOST_ATTEMPTS,
    )
    await add_stream_event(transaction, "draft.asked", draft_id)
    return await read_draft(transaction, draft_id)
