"""What is kept for a time only: answers to repeat, news, filled slots, heartbeats."""

from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

_PURGE: Final = sa.text("SELECT purge_expired(:most)")


async def purge(transaction: Transaction, *, most: int) -> int:
    """Remove what has expired, of all organizations; give how much that was.

    Args:
        transaction: of any scope.
        most: how many rows of each table at once; if the answer is this or more, there is more.
    """
    removed: int = (await transaction.execute(_PURGE, {"most": most})).scalar_one()
    return removed
