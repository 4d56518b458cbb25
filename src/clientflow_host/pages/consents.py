"""Whether a client wants to hear from us, on the pages: the words, and the form that changes it."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import attrs
from aiohttp import web

from clientflow_core.domain.consent import (
    ConsentStatement,
    Wish,
    medium_of,
    name_of,
    say_why_not,
)
from clientflow_core.domain.contacts import Contact, ContactPoint
from clientflow_core.domain.conversations import Conversation
from clientflow_core.domain.roles import Role
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.consents import (
    list_consents,
    read_consent,
    read_consent_in,
)
from clientflow_core.services.set_consent import set_consent
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation

_SHOWN: Final = 20
_LONGEST_REASON: Final = 400


@attrs.frozen(kw_only=True)
class ContactPath:
    """Names a contact."""

    contact_id: str


@attrs.frozen(kw_only=True)
class Refusal:
    """Why nothing can be sent: in words that follow on a name, and since when."""

    why: str
    since: dt.datetime


@attrs.frozen(kw_only=True)
class AddressConsent:
    """What a page shows of an address.

    Attributes:
        medium: of what is sent to it.
        what: its name, such as texts.
        refusal: None where it may be.
        said: what was said about it, the newest first.
    """

    point: ContactPoint
    medium: Medium
    what: str
    refusal: Refusal | None
    said: Sequence[ConsentStatement]


async def read_refusal(transaction: Transaction, thread: Conversation) -> Refusal | None:
    """Tell why nothing can be sent in a conversation; None if something can."""
    known = await read_consent_in(transaction, thread.id, medium=thread.medium)
    return _refusal(known, thread.medium)


async def read_addresses(transaction: Transaction, contact: Contact) -> Sequence[AddressConsent]:
    """Give what is to be shown of each address of a contact."""
    return [await _read_address(transaction, point) for point in contact.points]


async def _read_address(transaction: Transaction, point: ContactPoint) -> AddressConsent:
    medium = medium_of(point.kind)
    known = await read_consent(transaction, point.id, medium=medium)
    return AddressConsent(
        point=point,
        medium=medium,
        what=name_of(medium),
        refusal=_refusal(known, medium),
        said=await list_consents(transaction, point.id, medium=medium, most=_SHOWN),
    )


def _refusal(known: ConsentStatement | None, medium: Medium) -> Refusal | None:
    if known is None or not known.is_opted_out:
        return None
    return Refusal(why=say_why_not(known, medium=medium), since=known.occurred_at)


async def change(request: ApiRequest[ContactPath, None, None]) -> web.StreamResponse:
    """Opt a client out of a medium or back in, and go back to the contact."""
    form = await request.raw.post()
    reason = " ".join(str(form.get("reason", "")).replace("\0", "").split())
    if not 1 <= len(reason) <= _LONGEST_REASON:
        rule = f"must have 1 to {_LONGEST_REASON} characters"
        raise InvalidInput(f"The reason {rule}.", [FieldError("/reason", rule)])
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        await set_consent(
            transaction,
            from_public_id(IdPrefix.CONTACT, request.path.contact_id),
            medium=_read_medium(str(form.get("medium", ""))),
            # Whatever else it says: to send nothing is never wrong.
            is_opted_out=form.get("wish") != Wish.OPT_IN.value,
            reason=reason,
            principal=request.principal,
            now=assembly.clock.now(),
        )
    raise web.HTTPSeeOther(f"/contacts/{request.path.contact_id}")


def _read_medium(text: str) -> Medium:
    try:
        return Medium(text)
    except ValueError as error:
        rule = f"must be one of {', '.join(Medium)}"
        raise InvalidInput(f"The medium {rule}.", [FieldError("/medium", rule)]) from error


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/contacts/{contact_id}/consent",
        role=Role.MEMBER,
        handler=change,
        tag="pages",
        foreign=True,
    ),
)
