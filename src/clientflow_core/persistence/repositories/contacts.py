"""Contacts and their addresses."""

import re
import uuid
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from clientflow_core.domain.contacts import Contact, ContactPoint, ContactPointKind
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import contact_points, contacts

# The insert waits for whoever inserts the same address at this moment, and then does nothing; so
# the address decides which of two first messages makes the contact.
_ADD_POINT: Final = sa.text(
    """
    INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
    VALUES (:organization_id, :id, :contact_id, :kind, :value)
    ON CONFLICT (organization_id, kind, value) DO NOTHING
    """
)

_SEARCH: Final = sa.text("SELECT search_contacts(:words, :digits, :most)")
_WORD: Final = re.compile(r"\w+")
_DIGIT: Final = re.compile(r"[0-9]")
_NUMBER: Final = re.compile(r"[-+()./\s0-9]*[0-9]{2}[-+()./\s0-9]*|[-+()./\s0-9]*[0-9]")


async def find_or_add_contact_point(
    transaction: Transaction, *, kind: ContactPointKind, value: str, name: str | None = None
) -> tuple[ContactPoint, bool]:
    """Give the contact point with this address; make it, and a contact for it, if there is none.

    Any number of these at the same moment make one contact.

    Returns:
        The point, and whether it was made now.
    """
    point = ContactPoint(id=new_id(), contact_id=new_id(), kind=kind, value=value)
    values = {
        "organization_id": transaction.scope,
        "id": point.id,
        "contact_id": point.contact_id,
        "kind": kind.value,
        "value": value,
    }
    added = await transaction.execute(_ADD_POINT, values)
    if added.rowcount:
        contact = {
            "organization_id": transaction.scope,
            "id": point.contact_id,
            "name": name,
        }
        await transaction.execute(contacts.insert().values(contact))
        return point, True
    statement = sa.select(contact_points).where(
        contact_points.c.kind == kind.value, contact_points.c.value == value
    )
    row = (await transaction.execute(statement)).mappings().one()
    return _point(row), False


async def read_contact(transaction: Transaction, contact_id: uuid.UUID) -> Contact:
    """Read one contact with its addresses.

    Raises:
        NotFound: this organization has none with this id.
    """
    found = await _with_points(transaction, sa.select(contacts).where(contacts.c.id == contact_id))
    if not found:
        msg = f"there is no contact {to_public_id(IdPrefix.CONTACT, contact_id)}"
        raise NotFound(msg)
    return found[0]


async def list_contacts(
    transaction: Transaction, *, after: uuid.UUID | None, most: int
) -> Sequence[Contact]:
    """List contacts, the newest first, from the one behind *after*.

    Raises:
        NotFound: this organization has no contact *after*.
    """
    statement = sa.select(contacts).order_by(contacts.c.id.desc()).limit(most)
    if after is not None:
        await read_contact(transaction, after)
        statement = statement.where(contacts.c.id < after)
    return await _with_points(transaction, statement)


async def search_contacts(
    transaction: Transaction, looked_for: str, *, most: int
) -> Sequence[Contact]:
    """Find contacts whose name has words that begin so, or whose number begins or ends so.

    Args:
        transaction: of the organization.
        looked_for: what somebody typed; words of a name in any order, or digits of a number.
        most: how many at the most, the newest first.
    """
    words = " & ".join(f"{word}:*" for word in _WORD.findall(looked_for))
    digits = "".join(_DIGIT.findall(looked_for)) if _NUMBER.fullmatch(looked_for) else ""
    parameters = {"words": words, "digits": digits, "most": most}
    ids = (await transaction.execute(_SEARCH, parameters)).scalars().all()
    statement = sa.select(contacts).where(contacts.c.id.in_(ids)).order_by(contacts.c.id.desc())
    return await _with_points(transaction, statement)


async def _with_points(transaction: Transaction, statement: sa.Select[Any]) -> Sequence[Contact]:
    rows = (await transaction.execute(statement)).mappings().all()
    ids = [row["id"] for row in rows]
    points = sa.select(contact_points).where(contact_points.c.contact_id.in_(ids))
    found = (await transaction.execute(points.order_by(contact_points.c.id))).mappings().all()
    return [
        Contact(
            id=row["id"],
            name=row["name"],
            created_at=row["created_at"],
            points=tuple(_point(p) for p in found if p["contact_id"] == row["id"]),
        )
        for row in rows
    ]


def _point(row: sa.RowMapping) -> ContactPoint:
    kind = ContactPointKind(row["kind"])
    return ContactPoint(id=row["id"], contact_id=row["contact_id"], kind=kind, value=row["value"])
