"""Organizations, who may act for them, and the channels by which they are reached."""

import uuid
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import Conflict
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import api_keys, channels, memberships

_ADD_ORGANIZATION: Final = sa.text("SELECT add_organization(:id, :name, :slug)")
_ADD_USER: Final = sa.text("SELECT add_user(:id, :email, :password_hash)")
_FIND_API_KEY: Final = sa.text("SELECT * FROM find_api_key(:hash)")


@attrs.frozen
class Added:
    """What was asked to be there.

    Attributes:
        id: of what is there now.
        is_new: whether it was made now.
    """

    id: uuid.UUID
    is_new: bool


async def add_organization(transaction: Transaction, *, name: str, slug: str) -> Added:
    """Make an organization, unless there is one of this *slug*; that one is left as it is."""
    proposed = new_id()
    values = {"id": proposed, "name": name, "slug": slug}
    found: uuid.UUID = (await transaction.execute(_ADD_ORGANIZATION, values)).scalar_one()
    return Added(found, found == proposed)


async def add_user(transaction: Transaction, *, email: str, password_hash: str) -> Added:
    """Make a user, unless there is one of this address; that one keeps its password."""
    proposed = new_id()
    values = {"id": proposed, "email": email, "password_hash": password_hash}
    found: uuid.UUID = (await transaction.execute(_ADD_USER, values)).scalar_one()
    return Added(found, found == proposed)


async def add_membership(transaction: Transaction, *, user_id: uuid.UUID, role: Role) -> None:
    """Let a user into the organization; one who is in keeps the role they have."""
    values = {"organization_id": transaction.scope, "user_id": user_id, "role": role.value}
    await transaction.execute(insert(memberships).values(values).on_conflict_do_nothing())


async def add_api_key(transaction: Transaction, *, name: str, key_hash: bytes, role: Role) -> None:
    """Let whoever has the key with this hash act for the organization."""
    values = {
        "organization_id": transaction.scope,
        "id": new_id(),
        "name": name,
        "key_hash": key_hash,
        "role": role.value,
    }
    statement = insert(api_keys).values(values)
    await transaction.execute(statement.on_conflict_do_nothing(index_elements=["key_hash"]))


async def find_api_key(transaction: Transaction, key_hash: bytes) -> Principal | None:
    """Tell for whom the key with this hash acts; None if there is none that is good."""
    row = (await transaction.execute(_FIND_API_KEY, {"hash": key_hash})).one_or_none()
    if row is None:
        return None
    return Principal(
        organization_id=row.organization_id, api_key_id=row.api_key_id, role=Role(row.role)
    )


async def add_channel(
    transaction: Transaction,
    *,
    provider: str,
    address: str,
    name: str,
    medium: Medium = Medium.TEXT,
) -> Added:
    """Give the organization the channel with this address, unless it has it.

    Raises:
        Conflict: another organization has it; what arrives there can only be one's.
    """
    proposed = new_id()
    values = {
        "organization_id": transaction.scope,
        "id": proposed,
        "provider": provider,
        "address": address,
        "name": name,
        "medium": medium.value,
    }
    statement = insert(channels).values(values)
    await transaction.execute(
        statement.on_conflict_do_nothing(index_elements=["provider", "address"])
    )
    found = sa.select(channels.c.id).where(
        channels.c.provider == provider, channels.c.address == address
    )
    ours: uuid.UUID | None = (await transaction.execute(found)).scalar_one_or_none()
    if ours is None:
        msg = f"the {provider} address {address} belongs to another organization"
        raise Conflict(msg)
    return Added(ours, ours == proposed)
