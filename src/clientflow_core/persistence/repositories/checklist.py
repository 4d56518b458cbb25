"""What the checklist has found for each release, and what people have signed."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import checklist_results, checklist_sign_offs


@attrs.frozen(kw_only=True)
class StoredResult:
    """What was found of an item.

    Attributes:
        item_id: such as ``ES4``.
        status: how it ended, such as ``passed``.
        found: what was there.
        expected: what should have been.
        hint: what to do about it; may be empty.
        checked_at: by the database's clock.
    """

    item_id: str
    status: str
    found: str
    expected: str
    hint: str
    checked_at: dt.datetime


@attrs.frozen(kw_only=True)
class SignOff:
    """What a person answers for.

    Attributes:
        id: of the sign-off.
        item_id: such as ``FP5``.
        signed_by: who.
        evidence: where it can be looked up, or why the item does not apply.
        is_not_applicable: the item does not apply.
        signed_at: by the database's clock.
        expires_at: from when on it is not good any more; None for never.
        revoked_at: when it was taken back, if it was.
        revoked_by: who took it back.
        revoked_because: why.
    """

    id: uuid.UUID
    item_id: str
    signed_by: str
    evidence: str
    is_not_applicable: bool
    signed_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    revoked_by: str | None
    revoked_because: str | None

    def is_good(self, *, at: dt.datetime) -> bool:
        """Tell whether it counts at that moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


_RESULTS: Final = tuple(checklist_results.c[field.name] for field in attrs.fields(StoredResult))


async def keep_results(
    transaction: Transaction, *, release: str, results: Iterable[StoredResult]
) -> None:
    """Put *results* in the place of all that was found for *release*."""
    await transaction.execute(
        sa.delete(checklist_results).where(checklist_results.c.release == release)
    )
    rows = [{"release": release, **attrs.asdict(one)} for one in results]
    if rows:
        await transaction.execute(insert(checklist_results).values(rows))


async def list_results(transaction: Transaction, *, release: str) -> Sequence[StoredResult]:
    """List what was found for *release*, by item."""
    statement = (
        sa.select(*_RESULTS)
        .where(checklist_results.c.release == release)
        .order_by(checklist_results.c.item_id)
    )
    return [StoredResult(**row) for row in (await transaction.execute(statement)).mappings()]


async def add_sign_off(
    transaction: Transaction,
    *,
    item_id: str,
    signed_by: str,
    evidence: str,
    is_not_applicable: bool,
    expires_at: dt.datetime | None,
) -> SignOff:
    """Keep that somebody answers for *item_id* from now on."""
    statement = (
        insert(checklist_sign_offs)
        .values(
            id=new_id(),
            item_id=item_id,
            signed_by=signed_by,
            evidence=evidence,
            is_not_applicable=is_not_applicable,
            expires_at=expires_at,
        )
        .returning(checklist_sign_offs)
    )
    return SignOff(**(await transaction.execute(statement)).mappings().one())


async def list_sign_offs(
    transaction: Transaction, *, item_id: str | None = None
) -> Sequence[SignOff]:
    """List them, the newest first: of one item, or of all."""
    statement = sa.select(checklist_sign_offs).order_by(
        checklist_sign_offs.c.signed_at.desc(), checklist_sign_offs.c.id.desc()
    )
    if item_id is not None:
        statement = statement.where(checklist_sign_offs.c.item_id == item_id)
    return [SignOff(**row) for row in (await transaction.execute(statement)).mappings()]


async def revoke_sign_offs(
    transaction: Transaction, *, item_id: str, revoked_by: str, because: str
) -> int:
    """Take back every sign-off of *item_id* that was not taken back; give how many.

    Raises:
        NotFound: there is none.
    """
    statement = (
        sa.update(checklist_sign_offs)
        .where(checklist_sign_offs.c.item_id == item_id, checklist_sign_offs.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now(), revoked_by=revoked_by, revoked_because=because)
        .returning(checklist_sign_offs.c.id)
    )
    revoked = (await transaction.execute(statement)).all()
    if not revoked:
        msg = f"nobody has signed {item_id}, or it was revoked before"
        raise NotFound(msg)
    return len(revoked)
