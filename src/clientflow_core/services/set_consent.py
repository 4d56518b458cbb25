"""A person of ours says whether a client wants to hear from us by a medium."""

import datetime as dt
import uuid

from clientflow_core.domain.consent import (
    ConsentSource,
    ConsentStatement,
    Wish,
    medium_of,
    name_of,
)
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import Conflict, NotAllowed
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.contacts import read_contact
from clientflow_core.services.record_consent import record_consent


async def set_consent(  # noqa: PLR0913 - who says what about whom, when and why
    transaction: Transaction,
    contact_id: uuid.UUID,
    *,
    medium: Medium,
    is_opted_out: bool,
    reason: str,
    principal: Principal,
    now: dt.datetime,
) -> None:
    """Opt a contact out of a medium with each address, or back in; what is so already stays so.

    Args:
        transaction: of the organization.
        contact_id: who it is about.
        medium: what is sent no more, or again.
        is_opted_out: whether nothing is sent from now on.
        reason: in words, for whoever has to prove it.
        principal: who says so.
        now: when, aware.

    Raises:
        NotFound: this organization has no such contact.
        NotAllowed: opting back in takes an admin.
        Conflict: the contact has no address of this medium.
    """
    contact = await read_contact(transaction, contact_id)
    if not is_opted_out and not principal.role.includes(Role.ADMIN):
        msg = f"to opt a client back in takes the role {Role.ADMIN}; this is {principal.role}"
        raise NotAllowed(msg)
    points = [point for point in contact.points if medium_of(point.kind) is medium]
    if not points:
        name = to_public_id(IdPrefix.CONTACT, contact_id)
        msg = f"the contact {name} has no address to which {name_of(medium)} are sent"
        raise Conflict(msg)
    said = ConsentStatement(
        wish=Wish.OPT_OUT if is_opted_out else Wish.OPT_IN,
        source=ConsentSource.PERSON,
        evidence=reason,
        occurred_at=now,
        said_by=_name(principal),
    )
    for point in points:
        _ = await record_consent(transaction, point.id, said, medium=medium)


def _name(principal: Principal) -> str | None:
    if principal.user_id is not None:
        return to_public_id(IdPrefix.USER, principal.user_id)
    key = principal.api_key_id
    return None if key is None else to_public_id(IdPrefix.API_KEY, key)
