"""``/api/v1/contacts/{contact_id}/consent``: whether a client wants to hear from us."""

import uuid
from http import HTTPStatus
from typing import Annotated, Final

import attrs
from msgspec import Meta

from clientflow_core.domain.consent import ConsentSource, ConsentStatement, Wish, medium_of
from clientflow_core.domain.contacts import ContactPoint
from clientflow_core.domain.roles import Role
from clientflow_core.domain.routing import Medium
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.consents import list_consents, read_consent
from clientflow_core.persistence.repositories.contacts import read_contact
from clientflow_core.services.set_consent import set_consent
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Link, Operation, Timestamp
from clientflow_host.routes.views import ContactId, ContactIdInPath

_PATH: Final = "/api/v1/contacts/{contact_id}/consent"
_MOST: Final = 100


@attrs.frozen(kw_only=True)
class ContactPath:
    """Names a contact."""

    contact_id: ContactIdInPath


@attrs.frozen(kw_only=True)
class NewConsent:
    """Whether a client is opted out of a medium, and why; to opt one back in takes an admin."""

    medium: Medium
    is_opted_out: bool
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=400,
            pattern=r"\S",
            description="for whoever has to prove it",
            examples=["Asked for it by telephone."],
        ),
    ]


@attrs.frozen(kw_only=True)
class ConsentStatementView:
    """One thing that was said: by whom, in which words, and when."""

    wish: Wish
    source: ConsentSource
    evidence: str
    said_by: str | None
    channel_id: str | None
    occurred_at: Timestamp

    @classmethod
    def of(cls, said: ConsentStatement) -> "ConsentStatementView":
        """Show *said*."""
        return cls(
            wish=said.wish,
            source=said.source,
            evidence=said.evidence,
            said_by=said.said_by,
            channel_id=to_public_id(IdPrefix.CHANNEL, said.channel_id) if said.channel_id else None,
            occurred_at=said.occurred_at,
        )


@attrs.frozen(kw_only=True)
class AddressConsentView:
    """Whether an address is opted out, and what was said about it, the newest first."""

    contact_point_id: str
    value: str
    medium: Medium
    is_opted_out: bool
    since: Timestamp | None
    statements: list[ConsentStatementView]


@attrs.frozen(kw_only=True)
class ConsentView:
    """What a client wants, for each address; of each the newest 100 statements."""

    contact_id: ContactId
    addresses: list[AddressConsentView]


async def read(request: ApiRequest[ContactPath, None, None]) -> ConsentView:
    """Read whether a client wants to hear from us, and who has said so."""
    contact_id = from_public_id(IdPrefix.CONTACT, request.path.contact_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return await _show(transaction, contact_id)


async def put(request: ApiRequest[ContactPath, None, NewConsent]) -> ConsentView:
    """Opt a client out of a medium, or back in; what was said before is kept.

    It is about each address of the client that the medium uses. To opt back in takes an `admin`.
    """
    contact_id = from_public_id(IdPrefix.CONTACT, request.path.contact_id)
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        await set_consent(
            transaction,
            contact_id,
            medium=request.body.medium,
            is_opted_out=request.body.is_opted_out,
            reason=request.body.reason,
            principal=request.principal,
            now=assembly.clock.now(),
        )
        return await _show(transaction, contact_id)


async def _show(transaction: Transaction, contact_id: uuid.UUID) -> ConsentView:
    contact = await read_contact(transaction, contact_id)
    return ConsentView(
        contact_id=to_public_id(IdPrefix.CONTACT, contact.id),
        addresses=[await _show_address(transaction, point) for point in contact.points],
    )


async def _show_address(transaction: Transaction, point: ContactPoint) -> AddressConsentView:
    medium = medium_of(point.kind)
    known = await read_consent(transaction, point.id, medium=medium)
    said = await list_consents(transaction, point.id, medium=medium, most=_MOST)
    return AddressConsentView(
        contact_point_id=to_public_id(IdPrefix.CONTACT_POINT, point.id),
        value=point.value,
        medium=medium,
        is_opted_out=known is not None and known.is_opted_out,
        since=known.occurred_at if known else None,
        statements=[ConsentStatementView.of(one) for one in said],
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        handler=read,
        tag="contacts",
        operation_id="read_consent",
        links=(Link("read_contact", {"contact_id": "/contact_id"}),),
    ),
    Operation(
        method="PUT",
        path=_PATH,
        role=Role.MEMBER,
        handler=put,
        tag="contacts",
        operation_id="put_consent",
        errors=(HTTPStatus.CONFLICT,),
        links=(Link("read_consent", {"contact_id": "/contact_id"}),),
    ),
)
