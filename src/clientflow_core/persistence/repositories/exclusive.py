"""Having something to oneself until the transaction ends, without waiting crosswise for it.

Many jobs share a transaction, each locks rows as it comes to them, and another worker may do so in
another order: then each waits for what the other has. So whoever holds something for others already
does not wait at all, but ends its transaction, and waits with empty hands.
"""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

# In one order everywhere, for those who wait for several.
_WAIT: Final = sa.text(
    """
    SELECT count(pg_advisory_xact_lock(number)) FROM (
        SELECT DISTINCT hashtextextended(name, 0) AS number
        FROM unnest(cast(:names AS text[])) AS name ORDER BY 1
    ) AS wanted
    """
)
_TRY: Final = sa.text(
    """
    SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(name, 0)))
    FROM unnest(cast(:names AS text[])) AS name
    """
)
# PostgreSQL keeps all of them in a place of a fixed size.
_MOST: Final = 200


class WouldWait(Exception):
    """Somebody else has it. What this transaction holds already must be let go of first."""


async def take(transaction: Transaction, names: Collection[str]) -> None:
    """Have all that is called by *names* to oneself until the transaction ends.

    Ask for it before anything is written that belongs with it.

    Args:
        transaction: any.
        names: few; beyond 200 the others are not taken.

    Raises:
        WouldWait: one is not free, and the transaction must not wait.
    """
    if not names:
        return
    wanted = {"names": sorted(names)[:_MOST]}
    if transaction.may_wait:
        await transaction.execute(_WAIT, wanted)
    elif not await transaction.scalar(_TRY, wanted):
        raise WouldWait
