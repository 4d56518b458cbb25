"""What was said about whether an address wants to hear from us; rows are added, never changed."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa

from clientflow_core.domain.consent import ConsentSource, ConsentStatement, Wish
from clientflow_core.domain.routing import Medium
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import consents, contact_points, conversations, messages

_COLUMNS: Final = [consents.c[field.name] for field in attrs.fields(ConsentStatement)]


async def read_consent(
    transaction: Transaction, point_id: uuid.UUID, *, medium: Medium
) -> ConsentStatement | None:
    """Give what holds for an address by a medium; None where nothing was ever said."""
    return await _newest(transaction, _listed().where(_is_about(point_id, medium)))


async def read_consent_in(
    transaction: Transaction, conversation_id: uuid.UUID, *, medium: Medium
) -> ConsentStatement | None:
    """Give what holds for the client's address in a conversation, which is of this medium."""
    point_id = (
        sa.select(conversations.c.contact_point_id)
        .where(conversations.c.id == conversation_id)
        .scalar_subquery()
    )
    return await _newest(transaction, _listed().where(_is_about(point_id, medium)))


async def list_consents(
    transaction: Transaction, point_id: uuid.UUID, *, medium: Medium, most: int
) -> Sequence[ConsentStatement]:
    """List what was said about an address by a medium, the newest first."""
    statement = _listed().where(_is_about(point_id, medium)).limit(most)
    return [_statement(row) for row in (await transaction.execute(statement)).mappings()]


async def add_consent(
    transaction: Transaction, point_id: uuid.UUID, said: ConsentStatement, *, medium: Medium
) -> None:
    """Keep what was said, in a transaction that holds the address locked."""
    number = sa.select(sa.func.coalesce(sa.func.max(consents.c.number), 0) + 1)
    values = {
        "organization_id": transaction.scope,
        "contact_point_id": point_id,
        "medium": medium.value,
        **attrs.asdict(said),
    }
    number = number.where(_is_about(point_id, medium))
    await transaction.execute(
        consents.insert().values(number=number.scalar_subquery(), **_plain(values))
    )


async def lock_contact_point(transaction: Transaction, point_id: uuid.UUID) -> None:
    """Let nobody else say anything about an address until the transaction ends."""
    statement = sa.select(contact_points.c.id).where(contact_points.c.id == point_id)
    await transaction.execute(statement.with_for_update(key_share=True))


async def find_point_of(transaction: Transaction, message_id: uuid.UUID) -> uuid.UUID:
    """Give the client's address in the conversation of a message."""
    statement = (
        sa.select(conversations.c.contact_point_id)
        .join(messages, messages.c.conversation_id == conversations.c.id)
        .where(messages.c.id == message_id)
    )
    found: uuid.UUID = await transaction.scalar(statement)
    return found


async def _newest(transaction: Transaction, statement: sa.Select[Any]) -> ConsentStatement | None:
    statement = statement.where(consents.c.wish != Wish.HELP.value).limit(1)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return None if row is None else _statement(row)


def _listed() -> sa.Select[Any]:
    return sa.select(*_COLUMNS).order_by(consents.c.number.desc())


def _is_about(point_id: Any, medium: Medium) -> sa.ColumnElement[bool]:
    return sa.and_(consents.c.contact_point_id == point_id, consents.c.medium == medium.value)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"wish": values["wish"].value, "source": values["source"].value}


def _statement(row: sa.RowMapping) -> ConsentStatement:
    words = {"wish": Wish(row["wish"]), "source": ConsentSource(row["source"])}
    return ConsentStatement(**{**row, **words})
