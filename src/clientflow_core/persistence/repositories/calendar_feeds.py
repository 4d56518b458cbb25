"""Calendars that others may read, by the hash of what is secret in the address."""

import uuid
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.followed_calendars import Feed
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import calendar_feeds

_FIND: Final = sa.text("SELECT * FROM find_calendar_feed(:hash)")
_COLUMNS: Final = [
    calendar_feeds.c[name] for name in ("calendar_id", "shows_details", "created_at")
]


@attrs.frozen(kw_only=True)
class FoundFeed:
    """Whose calendar may be read at an address, and how much of it."""

    organization_id: uuid.UUID
    calendar_id: uuid.UUID
    shows_details: bool


async def put_feed(
    transaction: Transaction, calendar_id: uuid.UUID, *, token_hash: bytes, shows_details: bool
) -> None:
    """Let a calendar be read at an address, in place of the one at which it was before."""
    values = {
        "organization_id": transaction.scope,
        "calendar_id": calendar_id,
        "token_hash": token_hash,
        "shows_details": shows_details,
    }
    statement = insert(calendar_feeds).values(values)
    renewed = {name: statement.excluded[name] for name in ("token_hash", "shows_details")}
    statement = statement.on_conflict_do_update(
        index_elements=["organization_id", "calendar_id"],
        set_={**renewed, "created_at": sa.func.now()},
    )
    await transaction.execute(statement)


async def find_feed(transaction: Transaction, token_hash: bytes) -> FoundFeed | None:
    """Tell what may be read at the address with this hash; None if nothing."""
    row = (await transaction.execute(_FIND, {"hash": token_hash})).mappings().one_or_none()
    return FoundFeed(**row) if row else None


async def find_feed_of(transaction: Transaction, calendar_id: uuid.UUID) -> Feed | None:
    """Give the feed of a calendar, if it has one."""
    statement = sa.select(*_COLUMNS).where(calendar_feeds.c.calendar_id == calendar_id)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return Feed(**row) if row else None


async def read_feed_of(transaction: Transaction, calendar_id: uuid.UUID) -> Feed:
    """Give the feed of a calendar.

    Raises:
        NotFound: it has none, or the organization follows no such calendar.
    """
    feed = await find_feed_of(transaction, calendar_id)
    if feed is None:
        msg = f"there is no feed of {to_public_id(IdPrefix.CALENDAR, calendar_id)}"
        raise NotFound(msg)
    return feed


async def delete_feed(transaction: Transaction, calendar_id: uuid.UUID) -> None:
    """Let a calendar be read by nobody any more; without a feed nothing changes."""
    statement = calendar_feeds.delete().where(calendar_feeds.c.calendar_id == calendar_id)
    await transaction.execute(statement)
