"""Drafts of answers in the inbox: asked for by a button, put into the box, sent by a person."""

import contextlib
import uuid
from collections.abc import Sequence
from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.drafts import AssistantDraft, DraftState
from clientflow_core.domain.messages import Direction, Message
from clientflow_core.domain.roles import Role
from clientflow_core.errors import BudgetReached, Conflict, NotFound
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.drafts import list_drafts, read_draft
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.find_assistant import find_assistant
from clientflow_core.services.limit_assistance import read_budget
from clientflow_core.services.request_draft import request_draft
from clientflow_core.services.settle_draft import settle_draft
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation

_OPEN: Final = frozenset({DraftState.ASKED, DraftState.DRAFTED, DraftState.FAILED})


@attrs.frozen(kw_only=True)
class ConversationPath:
    """Names a conversation."""

    conversation_id: str


@attrs.frozen(kw_only=True)
class DraftPath:
    """Names a draft in a conversation."""

    conversation_id: str
    draft_id: str


@attrs.frozen(kw_only=True)
class DraftBox:
    """What stands above the box for the answer.

    Attributes:
        draft: the newest, if it is open; None where there is none.
        by: who drafts, for people.
        may_ask: whether there is somebody to ask, and something to answer.
    """

    draft: AssistantDraft | None
    by: str
    may_ask: bool

    @property
    def id(self) -> str:
        """Name the draft that goes into the box; nothing where none does."""
        return to_public_id(IdPrefix.DRAFT, self.draft.id) if self.draft and self.text else ""

    @property
    def text(self) -> str:
        """Give what goes into the box."""
        draft = self.draft
        return (draft.text or "") if draft and draft.state is DraftState.DRAFTED else ""


async def read_draft_box(
    transaction: Transaction, said: Sequence[Message], *, registry: ProviderRegistry
) -> DraftBox:
    """Give the box for a conversation in which *said*, the newest first, was said."""
    assistant = find_assistant(registry)
    may_ask = assistant is not None and bool(said) and said[0].direction is Direction.IN
    listed = (
        await list_drafts(transaction, said[0].conversation_id, after=None, most=1) if said else ()
    )
    draft = next((one for one in listed if one.state in _OPEN and not one.is_outdated), None)
    name = draft.provider if draft else assistant or ""
    enabled = registry.providers.get(name)
    is_under_way = draft is not None and draft.state is not DraftState.FAILED
    return DraftBox(
        draft=draft,
        by=enabled.spec.title if enabled else name,
        may_ask=may_ask and not is_under_way,
    )


async def note_use(
    transaction: Transaction, *, conversation_id: uuid.UUID, draft_name: str
) -> None:
    """Note that a draft was sent, edited or not; what cannot be noted is no reason not to send."""
    with contextlib.suppress(NotFound, Conflict):
        draft = await read_draft(transaction, from_public_id(IdPrefix.DRAFT, draft_name))
        if draft.conversation_id == conversation_id:
            await settle_draft(transaction, draft.id, state=DraftState.USED)


async def ask(request: ApiRequest[ConversationPath, None, None]) -> web.StreamResponse:
    """Ask for a draft, and go back to the conversation, which shows what has come of it."""
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    assembly, organization_id = request.raw.app[ASSEMBLY], request.principal.organization_id
    registry = assembly.registry
    budget = await read_budget(registry, organization_id)
    try:
        async with assembly.database.organization(organization_id) as transaction:
            await request_draft(transaction, conversation_id, registry=registry, budget=budget)
    except BudgetReached:
        raise
    except Conflict:
        # Somebody has answered meanwhile: the page says so.
        pass
    raise web.HTTPSeeOther(f"/inbox/{request.path.conversation_id}")


async def discard(request: ApiRequest[DraftPath, None, None]) -> web.StreamResponse:
    """Discard a draft, and go back to the conversation."""
    draft_id = from_public_id(IdPrefix.DRAFT, request.path.draft_id)
    database = request.raw.app[ASSEMBLY].database
    with contextlib.suppress(Conflict):
        async with database.organization(request.principal.organization_id) as transaction:
            await settle_draft(transaction, draft_id, state=DraftState.DISCARDED)
    raise web.HTTPSeeOther(f"/inbox/{request.path.conversation_id}")


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/inbox/{conversation_id}/draft",
        role=Role.MEMBER,
        handler=ask,
        tag="pages",
        foreign=True,
    ),
    Operation(
        method="POST",
        path="/inbox/{conversation_id}/draft/{draft_id}/discard",
        role=Role.MEMBER,
        handler=discard,
        tag="pages",
        foreign=True,
    ),
)
