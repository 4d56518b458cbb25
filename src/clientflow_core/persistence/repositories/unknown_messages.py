"""Messages of which nobody can say whether the provider has them: they wait for a person."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

_LIST: Final = sa.text("SELECT * FROM list_unknown_messages(:most)")


@attrs.frozen(kw_only=True)
class UnknownMessage:
    """A message that may have been sent; not what is in it.

    Attributes:
        error_code: of what left it so.
        updated_at: since when it waits.
    """

    organization_id: uuid.UUID
    id: uuid.UUID
    conversation_id: uuid.UUID
    channel_id: uuid.UUID
    error_code: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


async def list_unknown_messages(transaction: Transaction, *, most: int) -> Sequence[UnknownMessage]:
    """List those of all organizations, the longest waiting first.

    Args:
        transaction: of any scope.
        most: 1 or more.
    """
    rows = await transaction.execute(_LIST, {"most": most})
    return [UnknownMessage(**row) for row in rows.mappings()]
