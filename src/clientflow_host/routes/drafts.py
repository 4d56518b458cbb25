"""``/api/v1/…/drafts``: answers that an assistant has drafted, for a person to send or not."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.drafts import AssistantDraft, DraftState
from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import read_conversation
from clientflow_core.persistence.repositories.drafts import list_drafts, read_draft
from clientflow_core.services.limit_assistance import read_budget
from clientflow_core.services.request_draft import request_draft
from clientflow_core.services.settle_draft import settle_draft
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Link, Operation, Page, Timestamp
from clientflow_host.routes.conversations import ConversationPath
from clientflow_host.routes.lists import give_page
from clientflow_host.routes.views import ConversationId, Limit, MessageId, id_or_none

_OF_CONVERSATION: Final = "/api/v1/conversations/{conversation_id}/drafts"
_DRAFT: Final = "/api/v1/drafts/{draft_id}"
_EXAMPLES: Final = ["drf_01a20d1c8a3c7b1e9d7c5b0a4f2e6d18"]
DraftId: TypeAlias = Annotated[str, Meta(pattern="^drf_[0-9a-f]{32}$", examples=_EXAMPLES)]
DraftIdInPath: TypeAlias = Annotated[str, Meta(examples=_EXAMPLES)]


@attrs.frozen(kw_only=True)
class DraftPath:
    """Names a draft."""

    draft_id: DraftIdInPath


@attrs.frozen(kw_only=True)
class DraftsQuery:
    """Which page of a conversation's drafts."""

    limit: Limit = 20
    starting_after: DraftId | None = None


@attrs.frozen(kw_only=True)
class DraftView:
    """A draft of the next answer in a conversation.

    Attributes:
        is_outdated: something was said since the message that it follows on.
        input_tokens: of all answers, where it was drafted more than once; so are those below.
        cost_usd: in US dollars, as a decimal number; null where the price is not known.
    """

    id: DraftId
    conversation_id: ConversationId
    based_on_message_id: MessageId
    is_outdated: bool
    provider: str
    model: str | None
    prompt_version: str
    state: DraftState
    text: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: str | None
    error_code: str | None
    error_detail: str | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, draft: AssistantDraft) -> "DraftView":
        """Show *draft*."""
        return cls(
            id=to_public_id(IdPrefix.DRAFT, draft.id),
            conversation_id=to_public_id(IdPrefix.CONVERSATION, draft.conversation_id),
            based_on_message_id=to_public_id(IdPrefix.MESSAGE, draft.based_on_message_id),
            is_outdated=draft.is_outdated,
            provider=draft.provider,
            model=draft.model,
            prompt_version=draft.prompt_version,
            state=draft.state,
            text=draft.text,
            input_tokens=draft.input_tokens,
            output_tokens=draft.output_tokens,
            cost_usd=None if draft.cost_usd is None else f"{draft.cost_usd:f}",
            error_code=draft.error_code,
            error_detail=draft.error_detail,
            created_at=draft.created_at,
            updated_at=draft.updated_at,
        )


async def list_all(
    request: ApiRequest[ConversationPath, DraftsQuery, None],
) -> Page[DraftView]:
    """List the drafts of a conversation, the newest first."""
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    after = id_or_none(request.query.starting_after, IdPrefix.DRAFT)

    async def load(transaction: Transaction, most: int) -> Sequence[AssistantDraft]:
        await read_conversation(transaction, conversation_id)
        return await list_drafts(transaction, conversation_id, after=after, most=most)

    return await give_page(
        request,
        load,
        show=DraftView.of,
        cursor=lambda draft: to_public_id(IdPrefix.DRAFT, draft.id),
    )


async def ask(request: ApiRequest[ConversationPath, None, None]) -> DraftView:
    """Ask an assistant for a draft of the next answer; it is not there yet when this answers.

    It follows on the newest message. Whoever asks again before something is said gets the same
    draft, unless it has failed or was discarded. Nothing is sent.
    """
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    assembly = request.raw.app[ASSEMBLY]
    organization_id, registry = request.principal.organization_id, assembly.registry
    budget = await read_budget(registry, organization_id)
    async with assembly.database.organization(organization_id) as transaction:
        draft = await request_draft(transaction, conversation_id, registry=registry, budget=budget)
    return DraftView.of(draft)


async def read(request: ApiRequest[DraftPath, None, None]) -> DraftView:
    """Read a draft."""
    draft_id = from_public_id(IdPrefix.DRAFT, request.path.draft_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return DraftView.of(await read_draft(transaction, draft_id))


async def discard(request: ApiRequest[DraftPath, None, None]) -> DraftView:
    """Discard a draft that nobody wants; one that is discarded already stays so."""
    draft_id = from_public_id(IdPrefix.DRAFT, request.path.draft_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        draft = await settle_draft(transaction, draft_id, state=DraftState.DISCARDED)
    return DraftView.of(draft)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_OF_CONVERSATION,
        role=Role.VIEWER,
        handler=list_all,
        tag="drafts",
        operation_id="list_drafts",
        links=(
            Link("read_draft", {"draft_id": "/data/0/id"}),
            Link("discard_draft", {"draft_id": "/data/0/id"}),
        ),
    ),
    Operation(
        method="POST",
        path=_OF_CONVERSATION,
        role=Role.MEMBER,
        handler=ask,
        tag="drafts",
        operation_id="request_draft",
        status=HTTPStatus.ACCEPTED,
        errors=(HTTPStatus.CONFLICT,),
        links=(
            Link("read_draft", {"draft_id": "/id"}),
            Link("discard_draft", {"draft_id": "/id"}),
            Link("list_drafts", {"conversation_id": "/conversation_id"}),
        ),
    ),
    Operation(
        method="GET",
        path=_DRAFT,
        role=Role.VIEWER,
        handler=read,
        tag="drafts",
        operation_id="read_draft",
        links=(
            Link("discard_draft", {"draft_id": "/id"}),
            Link("read_conversation", {"conversation_id": "/conversation_id"}),
        ),
    ),
    Operation(
        method="POST",
        path=f"{_DRAFT}/discard",
        role=Role.MEMBER,
        handler=discard,
        tag="drafts",
        operation_id="discard_draft",
        errors=(HTTPStatus.CONFLICT,),
        links=(Link("read_conversation", {"conversation_id": "/conversation_id"}),),
    ),
)
