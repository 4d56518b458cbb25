"""What is kept for a time only: what came in, answers to repeat, news, sessions, heartbeats."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

Periods = Mapping[str, dt.timedelta]
"""For each kind of rows, how long it is kept."""

_PURGE: Final = sa.text("SELECT purge_kinds(cast(:periods AS jsonb), :most)")
_LIST: Final = sa.text("SELECT list_expired_kinds(cast(:periods AS jsonb))")


async def purge(transaction: Transaction, periods: Periods, *, most: int) -> Mapping[str, int]:
    """Remove what is older than *periods* say, of all organizations; give how much of each kind.

    Args:
        transaction: of any scope.
        periods: of the kinds to look at.
        most: how many rows of each kind at once; where as many went, there may be more.
    """
    parameters = {"periods": _seconds(periods), "most": most}
    removed: Mapping[str, int] = await transaction.scalar(_PURGE, parameters)
    return removed


async def list_expired_kinds(transaction: Transaction, periods: Periods) -> Sequence[str]:
    """List the kinds of which something is there that is older than *periods* say."""
    rows = await transaction.execute(_LIST, {"periods": _seconds(periods)})
    return [str(kind) for (kind,) in rows]


def _seconds(periods: Periods) -> str:
    return json.dumps({kind: period.total_seconds() for kind, period in periods.items()})
