"""What was done to the whole service at some time, such as a backup, and how it ended."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import runs


class RunKind(enum.StrEnum):
    """What was done."""

    SMOKE = "smoke"
    BACKUP = "backup"
    BACKUP_VERIFY = "backup_verify"
    LOAD = "load"
    AUDIT = "audit"


@attrs.frozen(kw_only=True)
class Run:
    """Something that was done, from its beginning to its end.

    Attributes:
        kind: what.
        release: by which release of ClientFlow.
        started_at: when it began.
        finished_at: when it ended.
        is_good: it ended well.
        report: what it found, as JSON.
    """

    id: uuid.UUID = attrs.field(factory=new_id)
    kind: RunKind = attrs.field(converter=RunKind)
    release: str
    started_at: dt.datetime
    finished_at: dt.datetime
    is_good: bool
    report: Mapping[str, Any]


async def add_run(transaction: Transaction, run: Run) -> None:
    """Keep *run*."""
    await transaction.execute(insert(runs).values(**attrs.asdict(run) | {"kind": run.kind.value}))


async def last_run(
    transaction: Transaction,
    kind: RunKind,
    *,
    release: str | None = None,
    is_good: bool | None = None,
) -> Run | None:
    """Give the one that ended last; of one release, or of those that ended well, where asked."""
    statement = sa.select(runs).where(runs.c.kind == kind.value)
    if release is not None:
        statement = statement.where(runs.c.release == release)
    if is_good is not None:
        statement = statement.where(runs.c.is_good == is_good)
    statement = statement.order_by(runs.c.finished_at.desc(), runs.c.id.desc()).limit(1)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return None if row is None else Run(**row)
