"""Until when each provider has told what it could not deliver."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import catch_ups


async def read_caught_up_at(transaction: Transaction, provider: str) -> dt.datetime | None:
    """Give when what *provider* could not deliver was last read to its end; None if never."""
    statement = sa.select(catch_ups.c.caught_up_at).where(catch_ups.c.provider == provider)
    found: dt.datetime | None = (await transaction.execute(statement)).scalar_one_or_none()
    return found


async def note_caught_up(transaction: Transaction, provider: str, at: dt.datetime) -> None:
    """Note that all that *provider* could not deliver until an aware moment is kept."""
    statement = insert(catch_ups).values(provider=provider, caught_up_at=at)
    latest = sa.func.greatest(catch_ups.c.caught_up_at, at)
    await transaction.execute(
        statement.on_conflict_do_update(index_elements=["provider"], set_={"caught_up_at": latest})
    )
