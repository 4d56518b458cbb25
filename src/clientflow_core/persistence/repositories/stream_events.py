"""What has changed, for those who watch live: rows with ids only, and a notice after the commit."""

import uuid
from collections.abc import Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.tables import stream_events

STREAM_CHANNEL: Final = "clientflow_stream"
"""Where PostgreSQL tells of the organizations in which something has changed."""

# Ids are given out before the commit, so a smaller one may show up later than a larger one.
OVERLAP_SECONDS: Final = 30

_NOTIFY: Final = sa.text("SELECT pg_notify(:channel, :organization_id)")


@attrs.frozen(kw_only=True)
class StreamEvent:
    """Something that has changed.

    Attributes:
        id: larger for later ones, but for those of the same moment.
        kind: such as ``message.received``.
        subject_id: names what has changed.
    """

    id: int
    kind: str
    subject_id: uuid.UUID


async def add_stream_event(transaction: Transaction, kind: str, subject_id: uuid.UUID) -> None:
    """Note that something has changed, and tell those who watch once it is committed."""
    values = {"organization_id": transaction.scope, "kind": kind, "subject_id": subject_id}
    await transaction.execute(stream_events.insert().values(values))
    # PostgreSQL sends equal notices of one transaction once.
    notice = {"channel": STREAM_CHANNEL, "organization_id": str(transaction.scope)}
    await transaction.execute(_NOTIFY, notice)
    await _tell_listeners(transaction, kind, subject_id)


async def _tell_listeners(transaction: Transaction, kind: str, subject_id: uuid.UUID) -> None:
    """Ask for a job for each plugin that wants to be told; where none does nothing is written."""
    listeners = transaction.listeners.get(kind, ())
    if not listeners:
        return
    args = {"event_id": str(new_id()), "event": kind, "subject_id": str(subject_id)}
    for listener in listeners:
        await enqueue(transaction, lane=listener.lane, kind=listener.kind, args=args)


async def list_stream_events(
    transaction: Transaction, *, after: int, most: int = 1000
) -> Sequence[StreamEvent]:
    """List what has changed since the event *after*, and in the seconds before it.

    Those before it may have been seen or not: whoever gets them applies them idempotently.
    """
    seen = sa.select(stream_events.c.created_at).where(stream_events.c.id == after)
    since = seen.scalar_subquery() - sa.func.make_interval(0, 0, 0, 0, 0, 0, OVERLAP_SECONDS)
    is_new = sa.or_(
        stream_events.c.id > after,
        sa.and_(stream_events.c.created_at >= since, stream_events.c.id != after),
    )
    statement = (
        sa.select(stream_events.c.id, stream_events.c.kind, stream_events.c.subject_id)
        .where(is_new)
        .order_by(stream_events.c.id)
        .limit(most)
    )
    rows = await transaction.execute(statement)
    return [StreamEvent(**row) for row in rows.mappings()]


async def newest_stream_event(transaction: Transaction) -> int:
    """Give the id of the newest event; 0 if there is none."""
    statement = sa.select(sa.func.coalesce(sa.func.max(stream_events.c.id), 0))
    return int((await transaction.execute(statement)).scalar_one())
