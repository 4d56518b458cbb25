"""The processes of the service, each of which says now and then that it is there."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import heartbeats


@attrs.frozen(kw_only=True)
class Process:
    """A process, as it last showed itself.

    Attributes:
        process: its name, which no other has.
        kind: what it does, such as ``worker``.
        release: of ClientFlow.
        started_at: when it was first seen.
        seen_at: when it was last seen.
        details: what else it says of itself, as JSON.
    """

    process: str
    kind: str
    release: str
    started_at: dt.datetime
    seen_at: dt.datetime
    details: Mapping[str, Any]


_COLUMNS: Final = tuple(heartbeats.c[field.name] for field in attrs.fields(Process))


async def beat(
    transaction: Transaction, *, process: str, kind: str, release: str, details: Mapping[str, Any]
) -> None:
    """Note that *process* is there now, and what it says of itself."""
    said = {"kind": kind, "release": release, "details": dict(details)}
    statement = insert(heartbeats).values(process=process, **said)
    news = {**said, "seen_at": sa.func.now()}
    await transaction.execute(
        statement.on_conflict_do_update(index_elements=["process"], set_=news)
    )


async def list_processes(
    transaction: Transaction, *, seen_within_seconds: float
) -> Sequence[Process]:
    """List the processes that were there lately, by kind and name."""
    age = sa.func.make_interval(0, 0, 0, 0, 0, 0, seen_within_seconds)
    statement = (
        sa.select(*_COLUMNS)
        .where(heartbeats.c.seen_at > sa.func.now() - age)
        .order_by(heartbeats.c.kind, heartbeats.c.process)
    )
    rows = await transaction.execute(statement)
    return [Process(**row) for row in rows.mappings()]
